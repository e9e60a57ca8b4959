import Bytes

/// Bytes out: replies that are due, and room for them.
extension Connection {
  func writable() {
    if phase == .handshaking { return handshake() }
    let waited = output.count
    if output.flush(through: channel) == .broken { return close() }
    if output.count < waited { taken_ns = loop.now_ns }
    accountOutput()
    guard phase != .closed, !isBlocked else { return }
    // A long reply comes in parts, and the peer has taken those that there were.
    deadline.clear()
    if phase == .open && !isDeferred { consumeInput() }
    if loop.isDraining, phase == .open, !isBlocked { return readable() }
    settle()
  }

  /// See `ConnectionHandler.reply`.
  func finishDeferred(_ write: (inout ByteBuffer) -> Bool) {
    guard phase == .open, isDeferred else { return }
    isDeferred = false
    deadline.clear()
    if !write(&loop.stage) { phase = .ending }
    sendStage()
    if phase == .open && !isBlocked { consumeInput() }
    if loop.isDraining, phase == .open, !isBlocked { return readable() }
    settle()
  }

  /// See `ConnectionHandler.transmit`.
  func transmit() {
    guard phase == .open, !isBlocked, !isHandling, !isDeferred else { return }
    consumeInput()
    settle()
  }

  /// Sends what the handler wrote, and keeps what the channel does not take.
  func sendStage() {
    var isBroken = false
    if phase != .closed {
      counters.sent_bytes.add(UInt64(loop.stage.count), ordering: .relaxed)
      isBroken = output.send(loop.stage.bytes, through: channel) == .broken
      accountOutput()
    }
    loop.stage.clear()
    loop.stage.shrink(to: 4 * limits.outputHighWater_bytes)
    // Last: others that hear of it may write, and their peers must not get these bytes.
    if isBroken { close() }
  }

  /// Much waits for the peer, and it has taken none of it for a while.
  func isStalled(now_ns: UInt64) -> Bool {
    waiting_bytes > Self.piece_bytes && now_ns >= taken_ns + UInt64(limits.stall_ms) * 1_000_000
  }

  /// Tells the server what waits. Where that is too much of all, it will be too much of somebody.
  private func accountOutput() {
    let held = output.held_bytes
    if held == waiting_bytes { return }
    if waiting_bytes == 0 { taken_ns = loop.now_ns }
    loop.outputs.add(held - waiting_bytes)
    waiting_bytes = held
    if loop.outputs.isExceeded { loop.shedOutput() }
  }
}
