internal import CNet

/// Before a connection is open: TLS is agreed on.
extension Connection {
  func handshake() {
    if !hasBegun {
      switch channel.socket.peek() {
      case .nothing: return settle()
      case .end: return close()  // a load balancer's probe, mostly
      case .byte(TLSSession.firstByte): hasBegun = true
      case .byte: return refusePlaintext()
      }
    }
    switch channel.handshake() {
    case .done:
      counters.handshakes.add(1, ordering: .relaxed)
      handler.identity = channel.identity
      phase = .open
      handler.opened()
      if loop.isDraining { handler.drain() }
      readable()
    case .wantsBytes: settle()
    case .wantsRoom:
      settle()
      expect(.write)
    case .failed(let reason): failHandshake(reason)
    }
  }

  /// What the peer has been told by an alert is not taken from it by a reset: it ends the connection itself.
  func failHandshake(_ reason: String) {
    counters.handshakesFailed.add(1, ordering: .relaxed)
    let peer = SocketAddress(peerOf: descriptor)?.description ?? "a peer that has gone"
    listener.tls?.note(refusal: reason, of: peer, now_ns: loop.now_ns)
    channel.socket.finish()
    phase = .lingering
    settle()
  }

  private func refusePlaintext() {
    counters.plaintextRefused.add(1, ordering: .relaxed)
    channel.dropTLS()
    phase = .ending
    handler.refusePlaintext(&loop.stage)
    sendStage()
    settle()
  }
}
