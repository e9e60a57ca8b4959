import Network

extension RequestParser {
  /// The token of `Authorization: Bearer ...` (RFC 6750), or nil where there is none: another scheme, or more than one field, is none.
  var bearerToken: UnsafeRawBufferPointer? {
    let (count, value) = field("Authorization")
    return count == 1 ? BearerToken.parse(value) : nil
  }
}

extension HTTPResponse {
  /// 401 or 403, with what RFC 6750 section 3 tells clients.
  mutating func refuse(_ access: Access, right: Rights) {
    let scope = right == .admin ? "admin" : "read"
    switch access {
    case .allowed: return
    case .missing:
      fail(.unauthorized, code: "unauthenticated", "a token is needed: send Authorization: Bearer TOKEN")
      setHeader("WWW-Authenticate", "Bearer realm=\"interestd\"")
    case .unadmitted(let names):
      fail(.unauthorized, code: "unauthenticated", Access.explain(unadmitted: names))
      setHeader("WWW-Authenticate", "Bearer realm=\"interestd\"")
    case .unknown:
      fail(.unauthorized, code: "unauthenticated", "nobody has this token: it may have been replaced")
      setHeader("WWW-Authenticate", "Bearer realm=\"interestd\", error=\"invalid_token\"")
    case .insufficient:
      fail(.forbidden, code: "forbidden", "this needs the right '\(scope)', which the caller does not have")
      setHeader("WWW-Authenticate", "Bearer realm=\"interestd\", error=\"insufficient_scope\", scope=\"\(scope)\"")
    }
  }
}
