/// What is read from files, and can be read again while it is in use.
public protocol Reloadable: AnyObject, Sendable {
  /// Their paths.
  var files: [String] { get }

  /// Reads them again. What is of no use leaves what was.
  func reload() throws(NetworkError)
}
