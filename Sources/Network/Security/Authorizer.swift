import Synchronization
import Threads

/// Who may do what: by tokens in files, and by the names in clients' certificates. Shared by all protocols; the files can be read again
/// while it is in use, and then what is not in them any more counts no more, on connections that are there too.
///
/// `@unchecked Sendable`: `table` is guarded by `mutex`, the rest is constant or atomic.
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
  private let mutex = Mutex()
  private var table = TokenTable()
  /// Grows whenever the tokens are other ones.
  let epoch = Atomic<UInt64>(1)
  private let missing = Atomic<UInt64>(0)
  private let unknown = Atomic<UInt64>(0)
  private let insufficient = Atomic<UInt64>(0)

  private init() {
    rules = Rules()
    isOpen = true
  }

  public init(_ rules: Rules) throws(NetworkError) {
    self.rules = rules
    isOpen = rules.isOpen
    table = try Self.read(rules)
  }

  public var files: [String] { [rules.readTokens, rules.adminTokens].compactMap { $0 } }

  public func reload() throws(NetworkError) {
    let next = try Self.read(rules)
    mutex.withLock { table = next }
    epoch.add(1, ordering: .releasing)
  }

  private static func read(_ rules: Rules) throws(NetworkError) -> TokenTable {
    var table = TokenTable()
    if let path = rules.readTokens { try TokenFile.read(path) { table.add($0, .read) } }
    if let path = rules.adminTokens { try TokenFile.read(path) { table.add($0, [.read, .admin]) } }
    return table
  }

  func rights(of digest: TokenTable.Digest) -> Rights? { mutex.withLock { table.rights(of: digest) } }

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
