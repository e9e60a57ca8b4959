/// Letters under way, counted by the buffer that they belong to. A value without I/O.
struct LetterBatches {
  /// The batch that letters belong to at present.
  private(set) var current = 0
  /// Letters of the batches up to the current one that are not acknowledged.
  private var unacknowledged = [0]

  private var first: Int { current - unacknowledged.count + 1 }

  /// A letter of the current batch was handed over.
  mutating func add() { unacknowledged[unacknowledged.count - 1] += 1 }

  /// A letter of that batch was acknowledged.
  mutating func settle(_ batch: Int) {
    guard batch >= first, batch <= current else { return }
    unacknowledged[batch - first] -= 1
    while unacknowledged.count > 1 && unacknowledged[0] == 0 { unacknowledged.removeFirst() }
  }

  /// Ends the current batch and returns it.
  mutating func seal() -> Int {
    let sealed = current
    current += 1
    if unacknowledged != [0] { unacknowledged.append(0) }
    return sealed
  }

  /// Letters of batches up to this one that are not acknowledged.
  func waiting(through batch: Int) -> Int {
    batch < first ? 0 : unacknowledged.prefix(batch - first + 1).reduce(0, +)
  }

  var waiting: Int { unacknowledged.reduce(0, +) }
}
