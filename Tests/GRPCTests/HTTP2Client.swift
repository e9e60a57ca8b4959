import CNghttp2

/// The client's side of HTTP/2, by nghttp2, without a socket.
final class HTTP2Client {
  struct Answer {
    var fields: [String: String] = [:]
    var trailers: [String: String] = [:]
    var data: [UInt8] = []
    /// The stream's error code, when it has ended.
    var closed: UInt32?

    var status: String? { trailers["grpc-status"] ?? fields["grpc-status"] }
    var message: String? { trailers["grpc-message"] ?? fields["grpc-message"] }

    /// The messages' bytes; nil where they are cut short.
    var messages: [[UInt8]]? {
      var all: [[UInt8]] = []
      var rest = data[...]
      while !rest.isEmpty {
        guard rest.count >= 5 else { return nil }
        let size = rest.dropFirst().prefix(4).reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(5)
        guard rest.count >= size else { return nil }
        all.append(Array(rest.prefix(size)))
        rest = rest.dropFirst(size)
      }
      return all
    }

    /// The only message, as text.
    var text: String? {
      guard let messages, messages.count == 1 else { return nil }
      return String(decoding: messages[0], as: UTF8.self)
    }
  }

  private let sendsNothing: Bool
  private var session: OpaquePointer?
  private var bodies: [Int32: Body] = [:]
  private(set) var answers: [Int32: Answer] = [:]
  /// Error codes of the server's GOAWAYs, with the last streams they name.
  private(set) var goAways: [(code: UInt32, last: Int32, reason: String)] = []
  private(set) var pingAnswers = 0
  private(set) var pings = 0

  private final class Body {
    var bytes: [UInt8]
    let ends: Bool
    init(_ bytes: [UInt8], ends: Bool) { (self.bytes, self.ends) = (bytes, ends) }
  }

  /// - Parameters:
  ///   - window: The streams' initial window; nil: the protocol's.
  ///   - sendsNothing: Whether a test sends bytes of its own instead.
  init(window: UInt32? = nil, answersPings: Bool = true, sendsNothing: Bool = false) {
    self.sendsNothing = sendsNothing
    var callbacks: OpaquePointer?
    nghttp2_session_callbacks_new(&callbacks)
    Self.setCallbacks(callbacks)
    var option: OpaquePointer?
    nghttp2_option_new(&option)
    nghttp2_option_set_no_auto_ping_ack(option, answersPings ? 0 : 1)
    nghttp2_session_client_new2(&session, callbacks, Unmanaged.passUnretained(self).toOpaque(), option)
    nghttp2_session_callbacks_del(callbacks)
    nghttp2_option_del(option)
    var entries: [nghttp2_settings_entry] = []
    if let window {
      entries = [.init(settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: window)]
    }
    nghttp2_submit_settings(session, 0, entries, entries.count)
  }

  deinit { nghttp2_session_del(session) }

  private static func client(_ user: UnsafeMutableRawPointer?) -> HTTP2Client {
    Unmanaged<HTTP2Client>.fromOpaque(user!).takeUnretainedValue()
  }

  private static func setCallbacks(_ callbacks: OpaquePointer?) {
    nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, frame, name, count, value, size, _, user in
      let name = String(decoding: UnsafeBufferPointer(start: name, count: count), as: UTF8.self)
      let value = String(decoding: UnsafeBufferPointer(start: value, count: size), as: UTF8.self)
      let frame = frame!.pointee
      let stream = frame.hd.stream_id
      if frame.headers.cat == NGHTTP2_HCAT_RESPONSE {
        HTTP2Client.client(user).answers[stream, default: Answer()].fields[name] = value
      } else {
        HTTP2Client.client(user).answers[stream, default: Answer()].trailers[name] = value
      }
      return 0
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, stream, data, count, user in
      HTTP2Client.client(user).answers[stream, default: Answer()].data += UnsafeBufferPointer(start: data, count: count)
      return 0
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, code, user in
      HTTP2Client.client(user).answers[stream, default: Answer()].closed = code
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
      let frame = frame!.pointee
      switch UInt32(frame.hd.type) {
      case NGHTTP2_GOAWAY.rawValue:
        let reason = UnsafeBufferPointer(start: frame.goaway.opaque_data, count: frame.goaway.opaque_data_len)
        HTTP2Client.client(user).goAways.append(
          (frame.goaway.error_code, frame.goaway.last_stream_id, String(decoding: reason, as: UTF8.self)))
      case NGHTTP2_PING.rawValue:
        if frame.hd.flags & 1 != 0 {
          HTTP2Client.client(user).pingAnswers += 1
        } else {
          HTTP2Client.client(user).pings += 1
        }
      default: break
      }
      return 0
    }
  }

  static let callFields = [
    (":method", "POST"), (":scheme", "http"), (":authority", "test"), ("te", "trailers"),
    ("content-type", "application/grpc"),
  ]

  /// Begins a request with these bytes, ended or not. A field of `fields` takes the place of the usual one.
  func begin(_ path: String, _ fields: [(String, String)] = [], body: [UInt8] = [], ends: Bool = true) -> Int32 {
    let usual = Self.callFields.filter { field in !fields.contains { $0.0 == field.0 } }
    let all = (usual + [(":path", path)] + fields).sorted { $0.0.hasPrefix(":") && !$1.0.hasPrefix(":") }
    let copies = all.map { (Array($0.0.utf8), Array($0.1.utf8)) }
    let list = copies.map { name, value in
      nghttp2_nv(name: copy(name), value: copy(value), namelen: name.count, valuelen: value.count, flags: 0)
    }
    defer {
      for field in list {
        field.name.deallocate()
        field.value.deallocate()
      }
    }
    var provider = nghttp2_data_provider()
    let holder = Body(body, ends: ends)
    provider.source.ptr = Unmanaged.passUnretained(holder).toOpaque()
    provider.read_callback = { _, _, buffer, room, flags, source, _ in
      let body = Unmanaged<Body>.fromOpaque(source!.pointee.ptr).takeUnretainedValue()
      let piece = body.bytes.prefix(room)
      if piece.isEmpty && !body.ends { return Int(NGHTTP2_ERR_DEFERRED.rawValue) }
      for (index, byte) in piece.enumerated() { buffer![index] = byte }
      body.bytes.removeFirst(piece.count)
      if body.bytes.isEmpty && body.ends { flags!.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue }
      return piece.count
    }
    let isBare = body.isEmpty && ends
    let stream =
      isBare
      ? nghttp2_submit_request(session, nil, list, list.count, nil, nil)
      : nghttp2_submit_request(session, nil, list, list.count, &provider, nil)
    bodies[stream] = holder
    answers[stream] = Answer()
    return stream
  }

  /// A call with one message.
  func call(_ path: String, _ text: String = "", _ fields: [(String, String)] = []) -> Int32 {
    begin(path, fields, body: Self.framed(Array(text.utf8)))
  }

  static func framed(_ message: [UInt8], isCompressed: Bool = false) -> [UInt8] {
    let size = UInt32(message.count)
    return [isCompressed ? 1 : 0] + (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) } + message
  }

  func reset(_ stream: Int32) { nghttp2_submit_rst_stream(session, 0, stream, NGHTTP2_CANCEL.rawValue) }

  func ping() { nghttp2_submit_ping(session, 0, nil) }

  func sendSettings() { nghttp2_submit_settings(session, 0, nil, 0) }

  func setWindow(_ size: UInt32) {
    let entry = nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: size)
    nghttp2_submit_settings(session, 0, [entry], 1)
    nghttp2_session_set_local_window_size(session, 0, 0, 1 << 30)
  }

  /// What is to be sent now.
  func output() -> [UInt8] {
    if sendsNothing { return [] }
    var all: [UInt8] = []
    var piece: UnsafePointer<UInt8>?
    while true {
      let count = nghttp2_session_mem_send(session, &piece)
      if count <= 0 { return all }
      all += UnsafeBufferPointer(start: piece, count: count)
    }
  }

  /// False where the server broke the protocol.
  func input(_ bytes: [UInt8]) -> Bool {
    bytes.isEmpty || sendsNothing || nghttp2_session_mem_recv(session, bytes, bytes.count) == bytes.count
  }

  private func copy(_ bytes: [UInt8]) -> UnsafeMutablePointer<UInt8> {
    let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bytes.count, 1))
    copy.update(from: bytes, count: bytes.count)
    return copy
  }
}
