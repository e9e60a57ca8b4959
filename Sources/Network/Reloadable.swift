/// What is read from files, and can be read again while it is in use.
public protocol Reloadable: AnyObject, Sendable {
  /// Their paths.
  var files: [String] { get }

  /// Reads them again. Where they are of no use, everything stays as it was.
  func reload() throws(NetworkError)
}
