internal import CNet

/// Tokens as their SHA-256, with what they allow. The tokens themselves are kept nowhere.
struct TokenTable: Sendable {
  /// SHA-256 of a token.
  struct Digest: Sendable {
    fileprivate var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    init(of token: UnsafeRawBufferPointer) {
      withUnsafeMutableBytes(of: &words) {
        cnet_sha256(token.baseAddress, token.count, $0.baseAddress?.assumingMemoryBound(to: UInt8.self))
      }
    }

    /// In a time that does not depend on where they differ.
    fileprivate func equals(_ other: Digest) -> Bool {
      (words.0 ^ other.words.0) | (words.1 ^ other.words.1) | (words.2 ^ other.words.2) | (words.3 ^ other.words.3) == 0
    }
  }

  private var entries: [(digest: Digest, rights: Rights)] = []

  mutating func add(_ token: UnsafeRawBufferPointer, _ rights: Rights) {
    entries.append((Digest(of: token), rights))
  }

  /// None where nobody has it. All entries are looked at, so that the time tells nothing about them.
  func rights(of digest: Digest) -> Rights {
    var rights: Rights = []
    for entry in entries where entry.digest.equals(digest) { rights.formUnion(entry.rights) }
    return rights
  }
}
