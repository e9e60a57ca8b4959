import Bytes
import CommandLineArguments
import Glibc
import InterestCodec
import InterestStore
import Lookup

/// `interestd dump`
struct DumpCommand {
  private let arguments: ParsedArguments
  private static var chunk: Int { 1 << 20 }

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    let store = try InterestStore.open(reading: arguments.text("state") ?? "")
    var lookup = UserLookup(store)
    var output = ByteBuffer(capacity: 2 * Self.chunk)
    var damaged = 0
    let partitions = arguments.flag("all-partitions") ? nil : try store.generation.ownedPartitions()
    try store.generation.forEachUser(in: partitions) { user, state in
      let start = output.count
      do throws(LookupError) {
        try lookup.writeJSON(user: user, state: state, .everything, into: &output)
        output.append("\n")
      } catch {
        output.truncate(to: start)
        damaged += 1
        Terminal.complain(error.message)
      }
      if output.count >= Self.chunk { try Self.flush(&output) }
    }
    try Self.flush(&output)
    if damaged > 0 { Terminal.complain("\(damaged) users were left out: their stored states cannot be read") }
    return damaged == 0 ? 0 : 1
  }

  private static func flush(_ output: inout ByteBuffer) throws {
    guard Terminal.write(output.bytes, to: STDOUT_FILENO) else {
      throw SetupError("cannot write the dump: \(String(cString: strerror(errno)))")
    }
    output.clear()
  }
}
