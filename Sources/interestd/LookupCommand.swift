import Bytes
import CommandLineArguments
import Foundation
import FoundationNetworking
import Glibc
import InterestStore
import Lookup
import Network

/// `interestd lookup`
struct LookupCommand {
  private let arguments: ParsedArguments

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    let user = arguments.argument("USER") ?? ""
    let json: Data
    if let endpoint = arguments.text("endpoint") {
      json = try ask(endpoint, user)
    } else {
      json = try read(arguments.text("state") ?? "", user)
    }
    if arguments.flag("json") {
      // HTTP's body has a line's end already.
      var line = json
      if line.last != UInt8(ascii: "\n") { line.append(UInt8(ascii: "\n")) }
      _ = line.withUnsafeBytes { Terminal.write($0, to: STDOUT_FILENO) }
    } else {
      let sequence = try JSONDecoder().decode(SequenceTable.Sequence.self, from: json)
      print(SequenceTable(sequence).text, terminator: "")
    }
    return 0
  }

  private func read(_ path: String, _ user: String) throws -> Data {
    let query = try QueryParameters.query(
      groups: arguments.text("groups"), behaviors: arguments.text("behaviors"), order: arguments.text("order"),
      asOf: arguments.text("as-of"))
    let store = try InterestStore.open(reading: path)
    var lookup = UserLookup(store, ownedAtLast: try store.generation.ownedPartitions())
    var output = ByteBuffer(capacity: 1 << 16)
    try Array(user.utf8).withUnsafeBytes { try lookup.writeJSON(user: $0, query, into: &output) }
    return Data(output.bytes)
  }

  /// The daemon answers in the same JSON, and checks the parameters by the same rules.
  private func ask(_ endpoint: String, _ user: String) throws -> Data {
    guard var components = URLComponents(string: endpoint), components.scheme != nil, components.host != nil else {
      throw SetupError("'\(endpoint)' is not a URL like http://127.0.0.1:8080")
    }
    let unreserved = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
    let base =
      components.percentEncodedPath.hasSuffix("/")
      ? String(components.percentEncodedPath.dropLast()) : components.percentEncodedPath
    components.percentEncodedPath =
      "\(base)/v1/users/\(user.addingPercentEncoding(withAllowedCharacters: unreserved) ?? user)/sequence"
    let parameters = ["groups", "behaviors", "order", "as-of"].compactMap { name in
      arguments.text(name).map { URLQueryItem(name: name == "as-of" ? "as_of" : name, value: $0) }
    }
    if !parameters.isEmpty { components.queryItems = parameters }
    guard let url = components.url else { throw SetupError("user '\(user)' does not fit into a URL") }
    return try get(url)
  }

  private func get(_ url: URL) throws -> Data {
    var request = URLRequest(url: url)
    if let file = arguments.text("token-file") {
      request.setValue("Bearer \(try OwnToken(file: file).secret)", forHTTPHeaderField: "Authorization")
    }
    let done = DispatchSemaphore(value: 0)
    // Written once before the semaphore is signalled, read after it was waited for.
    nonisolated(unsafe) var outcome: (Data?, URLResponse?, (any Error)?)
    URLSession.shared.dataTask(with: request) { data, response, error in
      outcome = (data, response, error)
      done.signal()
    }.resume()
    done.wait()
    guard let data = outcome.0, let response = outcome.1 as? HTTPURLResponse else {
      throw SetupError(
        "\(url.scheme ?? "")://\(url.host ?? "") does not answer: \(outcome.2?.localizedDescription ?? "")")
    }
    guard response.statusCode == 200 else {
      throw SetupError("\(url.host ?? "") answers \(response.statusCode): \(Failure.message(in: data))")
    }
    return data
  }

  private struct Failure: Decodable {
    struct Detail: Decodable {
      let parameter: String?
      let message: String
    }
    let error: Detail

    static func message(in data: Data) -> String {
      guard let failure = try? JSONDecoder().decode(Failure.self, from: data) else {
        return String(decoding: data.prefix(200), as: UTF8.self)
      }
      return (failure.error.parameter.map { "\($0): " } ?? "") + failure.error.message
    }
  }
}
