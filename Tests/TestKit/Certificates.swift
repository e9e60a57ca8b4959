import Foundation

/// A certificate authority of a test, by the `openssl` command, and what it issues. Keys are P-256: quick to make.
public final class Certificates: Sendable {
  public let folder: TemporaryDirectory
  /// The authority's certificate, PEM.
  public var authority: String { folder.file("ca.crt") }

  public struct Pair: Sendable {
    /// PEM files.
    public let certificate: String
    public let key: String
  }

  public init(name: String = "a test's authority") throws {
    folder = TemporaryDirectory()
    try run(
      "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
      "/CN=\(name)",
      "-addext", "basicConstraints=critical,CA:true", "-keyout", folder.file("ca.key"), "-out", authority)
  }

  /// A certificate of this authority in files named after `file`; those that are there are replaced.
  ///
  /// - Parameters:
  ///   - names: As extensions have them: `DNS:localhost,IP:127.0.0.1`.
  ///   - days: Negative: it has expired.
  @discardableResult
  public func issue(
    _ file: String, subject: String = "localhost", names: String = "DNS:localhost,IP:127.0.0.1", days: Int = 2
  ) throws -> Pair {
    let pair = Pair(certificate: folder.file("\(file).crt"), key: folder.file("\(file).key"))
    let request = folder.file("\(file).csr")
    let extensions = folder.file("\(file).ext")
    try run(
      "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(subject)", "-keyout",
      pair.key,
      "-out", request)
    try "subjectAltName=\(names)\n".write(toFile: extensions, atomically: true, encoding: .utf8)
    try run(
      "x509", "-req", "-in", request, "-CA", authority, "-CAkey", folder.file("ca.key"), "-CAcreateserial", "-days",
      "\(days)",
      "-extfile", extensions, "-out", pair.certificate)
    return pair
  }

  private func run(_ arguments: String...) throws {
    let outcome = try Command("openssl", arguments).wait(within: 60)
    guard outcome.code == 0 else { throw Command.Failure(description: "openssl \(arguments): \(outcome)") }
  }
}
