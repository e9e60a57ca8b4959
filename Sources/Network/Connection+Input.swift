internal import CNet

/// Bytes in: from the socket to the handler.
extension Connection {
  func readable() {
    switch phase {
    case .handshaking: return handshake()
    case .lingering: return discard()
    case .closed: return
    case .open where loop.isDraining: readAll()
    case .open where hasRoom: return readForTurn()
    case .open, .ending: break
    }
    settle()
  }

  /// Reads a piece. Unless it is large it is answered in the loop's turn: when all connections have read that can.
  private func readForTurn() {
    switch receive() {
    case .bytes(let count):
      let bytes = UnsafeRawBufferPointer(start: loop.readMemory, count: count)
      if count <= Self.kept_bytes && !isBlocked && !isDeferred {
        input.append(bytes)
        isInTurn = true
        return loop.answerInTurn(self)
      }
      take(bytes)
    case .wouldBlock: break
    case .end where owesReplies: hasEnded = true
    case .end, .failed: return close()
    }
    settle()
  }

  /// Of what has been read for the turn.
  func foresee() { if isInTurn && phase == .open { handler.foresee(input.bytes) } }

  func answerTurn() {
    guard isInTurn else { return }
    isInTurn = false
    if phase == .open && !isBlocked && !isDeferred { consumeInput() }
    settle()
  }

  /// While the loop drains: answers everything that has arrived.
  private func readAll() {
    var reads = Self.drainReads
    while reads > 0, phase == .open, hasRoom {
      reads -= 1
      switch receive() {
      case .bytes(let count):
        take(UnsafeRawBufferPointer(start: loop.readMemory, count: count))
        if channel.hasBuffered { reads = max(reads, 1) }
      case .wouldBlock:
        reads = 0
        let isBusy = partial || isDeferred || isBlocked || handler.keepsTime
        if !isBusy && !handler.awaitsLast { phase = .ending }
      case .end where owesReplies: hasEnded = true
      case .end, .failed: return close()
      }
    }
  }

  /// Into the loop's memory.
  private func receive() -> Socket.Outcome {
    let outcome = channel.receive(loop.readMemory, min(room_bytes - input.count, Self.piece_bytes))
    if case .bytes(let count) = outcome {
      hasReceived = true
      counters.received_bytes.add(UInt64(count), ordering: .relaxed)
    }
    return outcome
  }

  private func take(_ bytes: UnsafeRawBufferPointer) {
    if input.count == 0 && !isBlocked && !isDeferred {
      // Whole requests go from the loop's memory to the handler, and the connection holds nothing.
      let used = process(bytes)
      if used < bytes.count { input.append(UnsafeRawBufferPointer(rebasing: bytes[used...])) }
      checkRoom()
    } else {
      input.append(bytes)
      if isBlocked || isDeferred { account() } else { consumeInput() }
    }
  }

  func consumeInput() {
    input.removeFirst(process(input.bytes))
    checkRoom()
  }

  /// A handler that waits for more than the buffer holds would wait for ever.
  private func checkRoom() {
    if phase != .open && phase != .ending { input.clear() }
    account()
    if input.count >= limits.input_bytes, phase == .open, !isBlocked, !isDeferred { phase = .ending }
  }

  /// Tells the loop what is held.
  func account() {
    let held = max(0, input.count - Self.piece_bytes)
    if held != held_bytes {
      loop.held_bytes += held - held_bytes
      held_bytes = held
    }
  }

  /// Lets the handler consume bytes until it needs more, or its output has to wait. Returns how many it consumed.
  private func process(_ bytes: UnsafeRawBufferPointer) -> Int {
    var used = 0
    isHandling = true
    var hasMore: Bool
    repeat {
      let reception = handler.receive(UnsafeRawBufferPointer(rebasing: bytes[used...]), &loop.stage)
      let before = used
      used += reception.consumed
      if reception.consumed > 0 && reception.verdict != .partial { hasAsked = true }
      switch reception.verdict {
      case .complete:
        partial = false
        deadline.clear()
        if used == before && used < bytes.count { phase = .ending }
      case .more: sendStage()
      case .partial: partial = true
      case .deferred: (partial, isDeferred) = (false, true)
      case .close: phase = .ending
      }
      hasMore = reception.verdict == .more
      if reception.verdict != .complete && !hasMore || phase != .open { break }
      if loop.stage.count >= limits.outputHighWater_bytes { sendStage() }
    } while (used < bytes.count || hasMore) && phase == .open && !isBlocked
    isHandling = false
    sendStage()
    return used
  }

  private func discard() {
    switch channel.socket.receive(loop.readMemory, limits.input_bytes) {
    case .bytes, .wouldBlock: return
    case .end, .failed: close()
    }
  }
}
