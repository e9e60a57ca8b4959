import Bytes
internal import CNghttp2

/// One connection's HTTP/2 (RFC 9113) by nghttp2, as a server, without I/O.
struct HTTP2Session: ~Copyable {
  enum Sending {
    /// All that can be sent now was written.
    case all
    /// There is more than the limit.
    case more
    /// The session cannot go on.
    case failed
  }

  private let session: OpaquePointer
  private static let noFlags = UInt8(NGHTTP2_FLAG_NONE.rawValue)

  init(_ setup: SessionSetup, _ limits: GRPCLimits) {
    var session: OpaquePointer?
    guard nghttp2_session_server_new2(&session, setup.callbacks, nil, setup.options) == 0, let session else {
      preconditionFailure("out of memory for an http/2 session")
    }
    self.session = session
    let settings = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue), value: UInt32(clamping: limits.streams)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue), value: UInt32(clamping: limits.header_bytes)
      ),
      nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES.rawValue), value: 1),
    ]
    nghttp2_submit_settings(session, Self.noFlags, settings, settings.count)
    // The streams' own windows hold a client back; together they may be larger than the protocol's 64 KB.
    nghttp2_session_set_local_window_size(session, Self.noFlags, 0, 1 << 20)
  }

  deinit { nghttp2_session_del(session) }

  /// Before anything else: who is told. It must outlive the session.
  func setOwner(_ connection: GRPCConnection) {
    nghttp2_session_set_user_data(session, Unmanaged.passUnretained(connection).toOpaque())
  }

  /// False where the peer broke the protocol in a way that ends the session.
  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let taken = nghttp2_session_mem_recv(
      session, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), bytes.count)
    return taken == bytes.count
  }

  /// Appends what is to be sent, up to about `limit` bytes.
  func send(into output: inout ByteBuffer, limit: Int) -> Sending {
    let start = output.count
    while output.count - start < limit {
      var piece: UnsafePointer<UInt8>?
      // Messages are appended meanwhile, by the callback for data.
      let before = output.count
      let count = nghttp2_session_mem_send(session, &piece)
      if count < 0 { return .failed }
      if count == 0 && output.count == before { return .all }
      output.append(UnsafeRawBufferPointer(start: piece, count: count))
    }
    return .more
  }

  /// Nothing will come or go any more.
  var isOver: Bool { nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0 }

  /// There is something to send that the peer has given leave for.
  var wantsToSend: Bool { nghttp2_session_want_write(session) != 0 }

  // MARK: Calls

  /// The call must live until its stream is closed, or nil be set.
  func attach(_ call: GRPCCall?, to stream: Int32) {
    nghttp2_session_set_stream_user_data(session, stream, call.map { Unmanaged.passUnretained($0).toOpaque() })
  }

  func call(of stream: Int32) -> GRPCCall? {
    nghttp2_session_get_stream_user_data(session, stream).map {
      Unmanaged<GRPCCall>.fromOpaque($0).takeUnretainedValue()
    }
  }

  /// A header, then the messages of `call`, until the source says that they have ended.
  func respond(_ stream: Int32, _ fields: FieldList, from call: GRPCCall) {
    var provider = nghttp2_data_provider()
    provider.source.ptr = Unmanaged.passUnretained(call).toOpaque()
    provider.read_callback = { session, stream, _, capacity, flags, source, user in
      let call = SessionSetup.call(source)
      let rest = call.reply.count - call.sent
      let isLast = rest <= capacity && call.phase == .ending
      if rest == 0 && !isLast {
        call.isStarved = true
        return Int(NGHTTP2_ERR_DEFERRED.rawValue)
      }
      flags.unsafelyUnwrapped.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
      if isLast {
        flags.unsafelyUnwrapped.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue | NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
        call.connection?.submitTrailer(of: call)
      }
      return min(rest, capacity)
    }
    nghttp2_submit_response(session, stream, fields.pointer, fields.count, &provider)
  }

  /// A header that is all of the answer.
  func respond(_ stream: Int32, _ fields: FieldList) {
    nghttp2_submit_response(session, stream, fields.pointer, fields.count, nil)
  }

  func trailer(_ stream: Int32, _ fields: FieldList) {
    nghttp2_submit_trailer(session, stream, fields.pointer, fields.count)
  }

  /// The source has messages again, or has ended.
  func resume(_ stream: Int32) { nghttp2_session_resume_data(session, stream) }

  func cancel(_ stream: Int32) {
    nghttp2_submit_rst_stream(session, Self.noFlags, stream, UInt32(NGHTTP2_CANCEL.rawValue))
  }

  // MARK: The connection

  func ping(_ opaque: UInt64) {
    withUnsafeBytes(of: opaque) {
      _ = nghttp2_submit_ping(session, Self.noFlags, $0.baseAddress?.assumingMemoryBound(to: UInt8.self))
    }
  }

  /// Tells that the connection will end: no further calls, please.
  func announceEnd() { nghttp2_submit_shutdown_notice(session) }

  /// Calls that come from now on are refused; the session is over when those there are have ended.
  func end() {
    nghttp2_submit_goaway(
      session, Self.noFlags, nghttp2_session_get_last_proc_stream_id(session), UInt32(NGHTTP2_NO_ERROR.rawValue), nil, 0
    )
  }

  /// Tells a misbehaving client why it is cut off.
  func refuse(_ reason: StaticString) {
    nghttp2_submit_goaway(
      session, Self.noFlags, nghttp2_session_get_last_proc_stream_id(session),
      UInt32(NGHTTP2_ENHANCE_YOUR_CALM.rawValue), reason.utf8Start, reason.utf8CodeUnitCount)
  }
}
