internal import CNet

/// Whom a verified certificate names: the subject's common name, and the alternative names that are DNS names or URIs.
public struct PeerIdentity: Sendable, Equatable {
  public let names: [String]

  /// Of one certificate.
  private static let nameLimit: Int32 = 32
  private static let nameLimit_bytes = 512

  public init(names: [String]) { self.names = names }

  /// - Parameter certificate: an X509, lent.
  init(certificate: OpaquePointer) {
    var names: [String] = []
    if let subject = X509_get_subject_name(certificate) {
      let place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
      if place >= 0, let text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)) {
        Self.add(text, to: &names)
      }
    }
    if let found = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) {
      let alternatives = OpaquePointer(found)
      for index in 0..<min(cnet_name_count(alternatives), Self.nameLimit) {
        if let text = cnet_name(alternatives, index).flatMap({ cnet_name_text($0) }) { Self.add(text, to: &names) }
      }
      GENERAL_NAMES_free(alternatives)
    }
    self.names = names
  }

  /// A name with control bytes, or that is not UTF-8, is none: it might be taken for another.
  private static func add(_ text: UnsafePointer<ASN1_STRING>, to names: inout [String]) {
    let bytes = UnsafeBufferPointer(start: ASN1_STRING_get0_data(text), count: Int(ASN1_STRING_length(text)))
    guard (1...nameLimit_bytes).contains(bytes.count), bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }),
      let name = String(validating: bytes, as: UTF8.self), !names.contains(name)
    else { return }
    names.append(name)
  }
}
