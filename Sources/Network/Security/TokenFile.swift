internal import CNet
import Glibc
import Threads

/// A file of tokens: one a line, empty lines and lines that begin with `#` apart. Several are for changing them: the new one is added
/// everywhere, then the old one removed.
enum TokenFile {
  private static let fileLimit_bytes = 64 * 1024
  private static let tokenLimit = 256
  private static let token_bytes = 16...512

  /// Calls `body` with each token, whose bytes are lent. Errors name the line, never what it has.
  static func read(
    _ path: String, mayBeEmpty: Bool = false, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(NetworkError) {
    var bytes = try contents(path)
    defer { bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
    var count = 0
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
      let token = trimmed(line)
      if token.isEmpty || token.first == UInt8(ascii: "#") { continue }
      count += 1
      try check(token, "\(path):\(index + 1)")
      if count > tokenLimit { throw NetworkError(.credentials, "\(path): more than \(tokenLimit) tokens") }
      token.withUnsafeBytes(body)
    }
    if count == 0 && !mayBeEmpty {
      throw NetworkError(
        .credentials, "\(path): there is no token in it; write one a line, as from openssl rand -hex 32")
    }
  }

  private static func check(_ token: ArraySlice<UInt8>, _ place: String) throws(NetworkError) {
    guard token.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw NetworkError(.credentials, "\(place): a token has only visible ASCII characters, and no spaces")
    }
    guard token_bytes.contains(token.count) else {
      throw NetworkError(
        .credentials,
        "\(place): a token has \(token_bytes.lowerBound) to \(token_bytes.upperBound) characters, as from openssl rand -hex 32"
      )
    }
  }

  private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }
    var rest = line.drop(while: isBlank)
    while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
    return rest
  }

  private static func contents(_ path: String) throws(NetworkError) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .system("reading the tokens in \(path)", errno) }
    defer { _ = close(file) }
    var bytes = [UInt8](repeating: 0, count: fileLimit_bytes + 1)
    var count = 0
    while count < bytes.count {
      let size = bytes.withUnsafeMutableBytes {
        Glibc.read(file, $0.baseAddress.unsafelyUnwrapped + count, $0.count - count)
      }
      if size < 0 && errno == EINTR { continue }
      if size < 0 { throw .system("reading the tokens in \(path)", errno) }
      if size == 0 { return Array(bytes.prefix(count)) }
      count += size
    }
    throw NetworkError(.credentials, "\(path): longer than \(fileLimit_bytes) bytes: is it a file of tokens?")
  }
}

/// The token that is shown to others: the first one of a file.
public final class OwnToken: Reloadable, @unchecked Sendable {  // `token` is guarded by `mutex`
  public let files: [String]
  private let path: String
  private let mutex = Mutex()
  private var token: String

  public init(file path: String) throws(NetworkError) {
    self.path = path
    files = [path]
    token = try Self.first(path)
  }

  public func reload() throws(NetworkError) {
    let next = try Self.first(path)
    mutex.withLock { token = next }
  }

  /// Not to be logged.
  public var secret: String { mutex.withLock { token } }

  private static func first(_ path: String) throws(NetworkError) -> String {
    var first: String?
    try TokenFile.read(path) { if first == nil { first = String(decoding: $0, as: UTF8.self) } }
    return first ?? ""
  }
}
