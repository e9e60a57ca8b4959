import InterestCodec
import InterestModel

typealias StateBytes = [UInt8]

/// The fold and the reader over arrays, for tests.
final class Folding {
  let configuration: StateConfiguration
  private var folder: StateFolder
  private var reader: SequenceReader

  init(_ configuration: StateConfiguration) {
    self.configuration = configuration
    let rules = FoldRules(configuration)
    folder = StateFolder(rules: rules)
    reader = SequenceReader(configuration: configuration, rules: rules)
  }

  func state(_ behaviors: [Behavior]) -> StateBytes {
    var run = behaviors
    return run.withUnsafeMutableBufferPointer { StateBytes(folder.state(of: $0.baseAddress!, $0.count)) }
  }

  func fold(_ states: [StateBytes]) -> StateBytes {
    // Blocks of memory of exactly the states' sizes, so that the address sanitizer sees a read behind one.
    let copies = states.map { state -> UnsafeRawBufferPointer in
      let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: state.count, alignment: 1)
      copy.copyBytes(from: state)
      return UnsafeRawBufferPointer(copy)
    }
    defer { copies.forEach { $0.deallocate() } }
    return copies.withUnsafeBufferPointer { StateBytes(folder.fold($0)) }
  }

  func isReadable(_ state: StateBytes) -> Bool { state.withUnsafeBytes { folder.isReadable($0) } }

  func sequence(_ state: StateBytes, _ query: SequenceQuery = .everything) throws(SequenceError) -> GroupSequence {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: state.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: state)
    var sequence = GroupSequence()
    try reader.read(UnsafeRawBufferPointer(copy), query, into: &sequence)
    return sequence
  }

  /// As `sequence`, with behaviors as columns.
  func columns(_ state: StateBytes, _ query: SequenceQuery = .everything) throws(SequenceError) -> GroupSequence {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: state.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: state)
    var sequence = GroupSequence()
    try reader.read(UnsafeRawBufferPointer(copy), query, asColumns: true, into: &sequence)
    return sequence
  }
}
