import Bytes
internal import CNghttp2

/// What all sessions of a loop are made with. nghttp2 copies both when it makes one.
final class SessionSetup {
  let callbacks: OpaquePointer
  let options: OpaquePointer

  init(_ limits: GRPCLimits) {
    var callbacks: OpaquePointer?
    var options: OpaquePointer?
    guard nghttp2_session_callbacks_new(&callbacks) == 0, nghttp2_option_new(&options) == 0, let callbacks, let options
    else { preconditionFailure("out of memory for nghttp2's callbacks") }
    self.callbacks = callbacks
    self.options = options
    // A client that takes no answers may have so many of its pings and settings unacknowledged; then it is cut off.
    nghttp2_option_set_max_outbound_ack(options, 200)
    // Resets cost a call each: clients that time out send some, attacks thousands a second (CVE-2023-44487).
    nghttp2_option_set_stream_reset_rate_limit(options, 1000, 200)
    nghttp2_option_set_max_continuations(options, 8)
    nghttp2_option_set_max_settings(options, 32)
    nghttp2_option_set_no_closed_streams(options, 1)
    setRequestCallbacks()
    setReplyCallbacks()
  }

  deinit {
    nghttp2_session_callbacks_del(callbacks)
    nghttp2_option_del(options)
  }

  /// The session's user data is its connection, which owns it and so outlives every callback.
  private static func connection(_ user: UnsafeMutableRawPointer?) -> GRPCConnection {
    Unmanaged<GRPCConnection>.fromOpaque(user.unsafelyUnwrapped).takeUnretainedValue()
  }

  private static var fatal: Int32 { NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }

  private func setRequestCallbacks() {
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
      let frame = frame.unsafelyUnwrapped
      if frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
        SessionSetup.connection(user).callBegan(frame.pointee.hd.stream_id)
      }
      return 0
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, frame, name, nameCount, value, valueCount, _, user in
      let connection = SessionSetup.connection(user)
      let isFine = connection.fieldReceived(
        frame.unsafelyUnwrapped.pointee.hd.stream_id, UnsafeRawBufferPointer(start: name, count: nameCount),
        UnsafeRawBufferPointer(start: value, count: valueCount))
      return isFine ? 0 : SessionSetup.fatal
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, stream, data, count, user in
      SessionSetup.connection(user).dataReceived(stream, UnsafeRawBufferPointer(start: data, count: count))
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
      SessionSetup.connection(user).frameReceived(ReceivedFrame(frame.unsafelyUnwrapped)) ? 0 : SessionSetup.fatal
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, _, user in
      SessionSetup.connection(user).callClosed(stream)
      return 0
    }
  }

  private func setReplyCallbacks() {
    // Behind an early answer, of whose request more may come; before it, nghttp2 would drop the answer.
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { session, frame, _ in
      let header = frame.unsafelyUnwrapped.pointee.hd
      if header.type == UInt8(NGHTTP2_HEADERS.rawValue), header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0,
        nghttp2_session_get_stream_remote_close(session, header.stream_id) == 0
      {
        nghttp2_submit_rst_stream(
          session, UInt8(NGHTTP2_FLAG_NONE.rawValue), header.stream_id, UInt32(NGHTTP2_NO_ERROR.rawValue))
      }
      return 0
    }
    nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, _, header, count, source, user in
      SessionSetup.connection(user).sendData(
        UnsafeRawBufferPointer(start: header, count: 9), count, SessionSetup.call(source))
      return 0
    }
  }

  static func call(_ source: UnsafeMutablePointer<nghttp2_data_source>?) -> GRPCCall {
    Unmanaged<GRPCCall>.fromOpaque(source.unsafelyUnwrapped.pointee.ptr.unsafelyUnwrapped).takeUnretainedValue()
  }
}

/// What matters of a frame.
struct ReceivedFrame {
  enum Kind { case header, data, settings, ping, pingAnswer, other }

  let kind: Kind
  let stream: Int32
  let endsStream: Bool
  let isEmpty: Bool
  /// A ping's bytes.
  let opaque: UInt64

  init(_ frame: UnsafePointer<nghttp2_frame>) {
    let header = frame.pointee.hd
    let hasFlag = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0  // ACK is the same bit
    stream = header.stream_id
    isEmpty = header.length == 0
    var opaque: UInt64 = 0
    switch UInt32(header.type) {
    case NGHTTP2_HEADERS.rawValue: kind = .header
    case NGHTTP2_DATA.rawValue: kind = .data
    case NGHTTP2_SETTINGS.rawValue: kind = hasFlag ? .other : .settings
    case NGHTTP2_PING.rawValue:
      kind = hasFlag ? .pingAnswer : .ping
      opaque = withUnsafeBytes(of: frame.pointee.ping.opaque_data) { $0.loadUnaligned(as: UInt64.self) }
    default: kind = .other
    }
    endsStream = hasFlag && (kind == .header || kind == .data)
    self.opaque = opaque
  }
}
