import Bytes

/// Bytes out: replies that are due, and room for them.
extension Connection {
  func writable() {
    if phase == .handshaking { return handshake() }
    if output.flush(through: channel) == .broken { return close() }
    accountOutput()
    guard phase != .closed, !isBlocked else { return }
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
    if phase != .closed {
      let count = loop.stage.count
      if output.send(loop.stage.bytes, through: channel) == .broken { close() } else { accountOutput() }
      counters.sent_bytes.add(UInt64(count), ordering: .relaxed)
    }
    loop.stage.clear()
    loop.stage.shrink(to: 4 * limits.outputHighWater_bytes)
  }

  /// Tells the server what waits. Where that is too much of all, it will be too much of somebody.
  private func accountOutput() {
    let held = output.held_bytes
    if held == waiting_bytes { return }
    loop.outputs.add(held - waiting_bytes)
    waiting_bytes = held
    if loop.outputs.isExceeded { loop.shedOutput() }
  }
}
