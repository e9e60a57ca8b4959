/// What a caller may do. Whoever may administer may read as well.
///
/// Nothing is needed for health (`/healthz`, `/readyz`, gRPC's health service, RESP's commands of the connection itself).
public struct Rights: OptionSet, Sendable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// To look users up, and to be told what is served and by whom.
  public static let read = Rights(rawValue: 1)
  /// To see how the instance fares, and to change what it does.
  public static let admin = Rights(rawValue: 2)
}

/// Whether a caller may do something.
public enum Access: Sendable, Equatable {
  case allowed
  /// It has shown nothing: neither a token nor a certificate that counts.
  case missing
  /// It has shown a good certificate, and none of its names, which these are, is among those that have rights.
  case unadmitted([String])
  /// Nobody has the token that it has shown.
  case unknown
  /// It is known, and may not do this.
  case insufficient

  /// What to tell whose certificate is not admitted.
  public static func explain(unadmitted names: [String]) -> String {
    let shown = names.prefix(3).map { "'\($0)'" }.joined(separator: ", ") + (names.count > 3 ? ", ..." : "")
    return
      "the certificate's name \(shown) is not among auth.read_subjects or auth.admin_subjects, and there is no token"
  }
}
