import Bytes
import CommandLineArguments
import Foundation
import Glibc
import InterestCodec
import InterestStore
import Lookup

/// `interestd lookup`
struct LookupCommand {
  private let arguments: ParsedArguments
  private let user: String
  private let source: Source

  private enum Source {
    case state(InterestStore)
    case endpoint(EndpointClient)
  }

  init(_ arguments: ParsedArguments) throws {
    self.arguments = arguments
    user = arguments.argument("USER") ?? ""
    if let client = try EndpointClient(arguments) {
      source = .endpoint(client)
    } else {
      source = .state(try InterestStore.open(reading: arguments.text("state") ?? ""))
    }
  }

  func run() throws -> Int32 {
    let parameters = QueryOptions.parameters(of: arguments)
    let json = try answer(parameters)
    if arguments.flag("json") {
      // HTTP's body has a line's end already.
      var line = json
      if line.last != UInt8(ascii: "\n") { line.append(UInt8(ascii: "\n")) }
      _ = line.withUnsafeBytes { Terminal.write($0, to: STDOUT_FILENO) }
    } else {
      let sequence = try JSONDecoder().decode(SequenceTable.Sequence.self, from: json)
      print(SequenceTable(sequence, of: try whole(sequence, parameters)).text, terminator: "")
    }
    return 0
  }

  /// All groups of the user with what they count, where `sequence` may have been cut.
  private func whole(
    _ sequence: SequenceTable.Sequence, _ parameters: [String: String]
  ) throws -> SequenceTable.Sequence {
    let limit = parameters["groups"].flatMap { Int($0) } ?? SequenceQuery.defaultGroups
    if sequence.groups.count < limit { return sequence }
    let all = [
      "groups": "\(SequenceQuery.maximumGroups)", "behaviors": "0", "fields": "events",
      "generation": "\(sequence.generation)",
    ]
    return try JSONDecoder().decode(SequenceTable.Sequence.self, from: try answer(all))
  }

  /// In the same JSON from a state and from an endpoint, which checks the parameters by the same rules.
  private func answer(_ parameters: [String: String]) throws -> Data {
    switch source {
    case .state(let store):
      do throws(LookupError) { return try read(store, parameters) } catch {
        throw SetupError(QueryOptions.told(error.message, error.parameter))
      }
    case .endpoint(let client):
      let unreserved = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
      let name = user.addingPercentEncoding(withAllowedCharacters: unreserved) ?? user
      let items = parameters.sorted { $0.key < $1.key }.map { URLQueryItem(name: $0.key, value: $0.value) }
      return try client.get("/v1/users/\(name)/sequence", items)
    }
  }

  private func read(_ store: InterestStore, _ parameters: [String: String]) throws(LookupError) -> Data {
    let query = try QueryOptions.query(parameters)
    if let generation = query.generation, generation != store.generation.number {
      throw LookupError(
        .noGeneration, "there is generation \(store.generation.number) only", parameter: "generation")
    }
    let owned: [UInt16]?
    do { owned = try store.generation.ownedPartitions() } catch { throw LookupError(.storage, "\(error)") }
    var lookup = UserLookup(store, ownedAtLast: owned)
    var output = ByteBuffer(capacity: 1 << 16)
    var id = user
    let outcome = id.withUTF8 { bytes -> Result<Void, LookupError> in
      do throws(LookupError) {
        return .success(try lookup.writeJSON(user: UnsafeRawBufferPointer(bytes), query, into: &output))
      } catch { return .failure(error) }
    }
    try outcome.get()
    return Data(output.bytes)
  }
}
