import CommandLineArguments
import Foundation
import HTTP
import Network

/// A daemon that a command asks (`--endpoint`), and what is shown to it.
struct EndpointClient {
  private let base: URLComponents
  private let tls: ClientTLS?
  private let token: OwnToken?

  /// The options that go with `--endpoint`.
  static let options: [Option] = [
    .text("endpoint", "URL", help: "ask the daemon at this URL, as in http://127.0.0.1:8080"),
    .text("token-file", "FILE", help: "show the endpoint the first token in this file"),
    .text("ca", "FILE", help: "the authorities of the endpoint's certificate, PEM; default the system's"),
    .text("certificate", "FILE", help: "show the endpoint this certificate, PEM, where it asks for one"),
    .text("key", "FILE", help: "the private key of --certificate, PEM"),
  ]

  /// Without a byte.
  private static var patience_ms: Int { 30_000 }
  private static var reply_bytes: Int { 256 << 20 }
  /// An instance sends on to the owner of a user; no owner to another.
  private static var redirects: Int { 3 }

  /// Nil where the command line names no endpoint.
  init?(_ arguments: ParsedArguments) throws {
    guard let url = arguments.text("endpoint") else {
      let stray = Self.options.first { arguments.isGiven($0.name) }
      if let stray { throw SetupError("--\(stray.name) goes with --endpoint URL") }
      return nil
    }
    guard let base = URLComponents(string: url), ["http", "https"].contains(base.scheme), base.host?.isEmpty == false
    else { throw SetupError("--endpoint: '\(url)' is not a URL like http://127.0.0.1:8080") }
    self.base = base
    tls = try Self.tls(arguments, isWanted: base.scheme == "https")
    token = try arguments.text("token-file").map { try OwnToken(file: $0) }
  }

  private static func tls(_ arguments: ParsedArguments, isWanted: Bool) throws -> ClientTLS? {
    let (certificate, key) = (arguments.text("certificate"), arguments.text("key"))
    guard (certificate == nil) == (key == nil) else {
      throw SetupError("--certificate FILE and --key FILE are given together or not at all")
    }
    if isWanted { return try ClientTLS(ca: arguments.text("ca"), certificate: certificate, key: key) }
    if let stray = ["ca", "certificate"].first(where: arguments.isGiven) {
      throw SetupError("--\(stray) goes with an endpoint that begins with https://")
    }
    return nil
  }

  /// The body of the answer to a GET.
  ///
  /// - Parameters:
  ///   - path: Escaped, behind the path of the endpoint's own URL.
  ///   - parameters: Of the query string.
  func get(_ path: String, _ parameters: [URLQueryItem]) throws -> Data {
    var url = base
    let prefix = base.percentEncodedPath
    url.percentEncodedPath = (prefix.hasSuffix("/") ? String(prefix.dropLast()) : prefix) + path
    if !parameters.isEmpty { url.queryItems = parameters }
    for _ in 0...Self.redirects {
      let reply = try ask(url)
      let body = Data(reply.reply.bodyBytes)
      if reply.status == 200 { return body }
      guard [307, 308].contains(reply.status), let location = reply.field("Location") else {
        throw SetupError("\(Self.shown(url)) answers \(reply.status): \(LookupFailure.message(in: body))")
      }
      // What is shown to the endpoint is shown to the instance that it names, but never in clear.
      guard let next = URLComponents(string: location), next.scheme == url.scheme, next.host?.isEmpty == false else {
        throw SetupError("\(Self.shown(url)) sends on to '\(location)', which is no \(url.scheme ?? "") URL")
      }
      url = next
    }
    throw SetupError("\(Self.shown(base)) sends on more than \(Self.redirects) times")
  }

  private func ask(_ url: URLComponents) throws -> ReplyParser {
    let place = Self.place(of: url)
    let query = url.percentEncodedQuery.map { "?\($0)" } ?? ""
    var request = "GET \(url.percentEncodedPath)\(query) HTTP/1.1\r\nHost: \(place)\r\nConnection: close\r\n"
    if let token { request += "Authorization: Bearer \(token.secret)\r\n" }
    var parser = ReplyParser(of: .anyServer)
    var outcome = ReplyParser.Outcome.more
    do {
      let connection = try BlockingConnection.open(to: place, tls: tls, patience_ms: Self.patience_ms)
      try connection.send(Array("\(request)\r\n".utf8))
      try connection.receive { bytes in
        outcome = parser.take(bytes, limit_bytes: Self.reply_bytes)
        return outcome == .more
      }
    } catch {
      let hint = Self.hints.first { error.description.contains($0.part) }.map { "; \($0.hint)" } ?? ""
      throw SetupError("\(Self.shown(url)) does not answer: \(error)\(hint)")
    }
    switch outcome == .more ? parser.end() : outcome {
    case .done: return parser
    case .more: throw SetupError("\(Self.shown(url)) breaks its answer off")
    case .bad(let problem):
      throw SetupError("\(Self.shown(url)) does not answer in HTTP: \(problem); is that the RESP or gRPC port?")
    case .tooLong: throw SetupError("\(Self.shown(url)) answers with more than \(Self.reply_bytes) bytes")
    }
  }

  /// What to do about a refusal, by a part of what OpenSSL says.
  private static let hints: [(part: String, hint: String)] = [
    ("local issuer certificate", "name its authority with --ca FILE"),
    ("self-signed certificate", "name its authority with --ca FILE"),
    ("certificate required", "show it one with --certificate FILE and --key FILE"),
    ("wrong version number", "does that port speak TLS? without it the URL begins with http://"),
  ]

  /// `host:port`.
  private static func place(of url: URLComponents) -> String {
    let host = (url.host ?? "").trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
    return (host.contains(":") ? "[\(host)]" : host) + ":\(url.port ?? (url.scheme == "https" ? 443 : 80))"
  }

  private static func shown(_ url: URLComponents) -> String { "\(url.scheme ?? "")://\(place(of: url))" }
}

/// What an endpoint says about a request that it refuses.
private struct LookupFailure: Decodable {
  struct Detail: Decodable {
    let parameter: String?
    let message: String
  }
  let error: Detail

  static func message(in data: Data) -> String {
    guard let failure = try? JSONDecoder().decode(Self.self, from: data) else {
      return String(decoding: data.prefix(200), as: UTF8.self)
    }
    return QueryOptions.told(failure.error.message, failure.error.parameter)
  }
}
