import Synchronization
import Threads

/// Who may do what: by tokens in files, and by the names in clients' certificates. Shared by all protocols; the files can be read again
/// while it is in use, and then what is not in them any more counts no more, on connections that are there too.
///
/// `@unchecked Sendable`: `tables` are guarded by `mutex`, the rest is constant or atomic.
public final class Authorizer: Reloadable, @unchecked Sendable {
  public struct Rules: Sendable {
    /// Files of tokens; nil: there are none.
    public var readTokens: String?
    public var adminTokens: String?
    /// Names in certificates.
    public var readSubjects: [String] = []
    public var adminSubjects: [String] = []

    public init() {}

    /// Nobody is asked for anything: everybody may do everything.
    public var isOpen: Bool {
      readTokens == nil && adminTokens == nil && readSubjects.isEmpty && adminSubjects.isEmpty
    }
  }

  /// Everybody may do everything.
  public static let open = Authorizer()

  public let isOpen: Bool
  private let rules: Rules
  /// Each with what its tokens allow.
  private let sources: [(file: String, rights: Rights)]
  private let mutex = Mutex()
  /// Of each source.
  private var tables: [TokenTable] = []
  /// Grows whenever the tokens are other ones.
  let epoch = Atomic<UInt64>(1)
  private let missing = Atomic<UInt64>(0)
  private let unknown = Atomic<UInt64>(0)
  private let insufficient = Atomic<UInt64>(0)

  private init() {
    rules = Rules()
    sources = []
    isOpen = true
  }

  public init(_ rules: Rules) throws(NetworkError) {
    self.rules = rules
    isOpen = rules.isOpen
    let files: [(String?, Rights)] = [(rules.readTokens, .read), (rules.adminTokens, [.read, .admin])]
    sources = files.compactMap { file, rights in file.map { ($0, rights) } }
    for (file, rights) in sources { tables.append(try Self.read(file, rights, mayBeEmpty: false)) }
  }

  public var files: [String] { sources.map(\.file) }

  /// Each file by itself: what is wrong in one keeps no token alive that was taken out of the other. One that has become empty takes
  /// all of its tokens back.
  public func reload() throws(NetworkError) {
    var failures: [NetworkError] = []
    for (index, (file, rights)) in sources.enumerated() {
      do throws(NetworkError) {
        let table = try Self.read(file, rights, mayBeEmpty: true)
        mutex.withLock { tables[index] = table }
      } catch { failures.append(error) }
    }
    epoch.add(1, ordering: .releasing)
    if failures.isEmpty { return }
    throw NetworkError(.credentials, failures.map(\.description).joined(separator: "; "))
  }

  private static func read(
    _ file: String, _ rights: Rights, mayBeEmpty: Bool
  ) throws(NetworkError) -> TokenTable {
    var table = TokenTable()
    try TokenFile.read(file, mayBeEmpty: mayBeEmpty) { table.add($0, rights) }
    return table
  }

  func rights(of digest: TokenTable.Digest) -> Rights? {
    let rights = mutex.withLock { tables.reduce(into: Rights()) { $0.formUnion($1.rights(of: digest)) } }
    return rights.isEmpty ? nil : rights
  }

  /// By the names in a certificate that has been verified.
  func rights(of identity: PeerIdentity?) -> Rights {
    guard let identity else { return [] }
    var rights: Rights = []
    for name in identity.names {
      if rules.readSubjects.contains(name) { rights.insert(.read) }
      if rules.adminSubjects.contains(name) { rights.formUnion([.read, .admin]) }
    }
    return rights
  }

  // MARK: What became of it

  func count(_ access: Access) {
    switch access {
    case .allowed: return
    case .missing, .unadmitted: missing.add(1, ordering: .relaxed)
    case .unknown: unknown.add(1, ordering: .relaxed)
    case .insufficient: insufficient.add(1, ordering: .relaxed)
    }
  }

  /// How often something was not allowed, by the reason.
  public var refusals: [(reason: String, count: UInt64)] {
    [
      ("missing", missing.load(ordering: .relaxed)), ("unknown", unknown.load(ordering: .relaxed)),
      ("insufficient", insufficient.load(ordering: .relaxed)),
    ]
  }
}
