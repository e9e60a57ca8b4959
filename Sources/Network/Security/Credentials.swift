/// What the peer of one connection has shown, and so what it may do. A value that the connection's protocol keeps; it follows the tokens
/// when they change.
public struct Credentials {
  private let authorizer: Authorizer
  private let certified: Rights
  /// In the peer's certificate.
  private let names: [String]
  private var digest: TokenTable.Digest?
  private var tokenRights: Rights?
  private var epoch: UInt64 = 0

  /// - Parameter identity: Whom the peer's certificate names (`ConnectionHandler.identity`).
  public init(_ authorizer: Authorizer, identity: PeerIdentity?) {
    self.authorizer = authorizer
    certified = authorizer.rights(of: identity)
    names = identity?.names ?? []
  }

  /// For protocols in which a token counts until another is shown. False where nobody has it: then what was shown before still counts.
  public mutating func present(_ token: UnsafeRawBufferPointer) -> Bool {
    let epoch = authorizer.epoch.load(ordering: .acquiring)
    let digest = TokenTable.Digest(of: token)
    guard let rights = authorizer.rights(of: digest) else {
      authorizer.count(.unknown)
      return false
    }
    (self.digest, tokenRights, self.epoch) = (digest, rights, epoch)
    return true
  }

  /// The token counts no more.
  public mutating func forget() { (digest, tokenRights) = (nil, nil) }

  /// All that the peer may do, by all that it has shown.
  public mutating func rights() -> Rights {
    if authorizer.isOpen { return [.read, .admin] }
    refresh()
    return certified.union(tokenRights ?? [])
  }

  /// Whether the peer may do what needs `right`, by all that it has shown.
  public mutating func access(_ right: Rights) -> Access {
    if authorizer.isOpen || right.isEmpty { return .allowed }
    refresh()
    let access: Access
    if certified.union(tokenRights ?? []).isSuperset(of: right) {
      access = .allowed
    } else if digest != nil && tokenRights == nil {
      access = .unknown
    } else if digest == nil && certified.isEmpty {
      access = names.isEmpty ? .missing : .unadmitted(names)
    } else {
      access = .insufficient
    }
    authorizer.count(access)
    return access
  }

  /// For protocols in which each request has its own token, or none.
  public mutating func access(_ right: Rights, token: UnsafeRawBufferPointer?) -> Access {
    if authorizer.isOpen || right.isEmpty { return .allowed }
    if let token {
      digest = TokenTable.Digest(of: token)
      epoch = 0
    } else {
      forget()
    }
    return access(right)
  }

  private mutating func refresh() {
    let current = authorizer.epoch.load(ordering: .acquiring)
    guard current != epoch else { return }
    epoch = current
    tokenRights = digest.flatMap { authorizer.rights(of: $0) }
  }
}
