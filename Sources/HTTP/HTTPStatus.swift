/// The status codes that interestd answers with (RFC 9110 section 15).
public enum HTTPStatus: Int, Sendable {
  case ok = 200
  case found = 302
  case temporaryRedirect = 307
  case badRequest = 400
  case unauthorized = 401
  case forbidden = 403
  case notFound = 404
  case methodNotAllowed = 405
  case requestTimeout = 408
  case conflict = 409
  case gone = 410
  case contentTooLarge = 413
  case uriTooLong = 414
  case unsupportedMediaType = 415
  case misdirectedRequest = 421
  case expectationFailed = 417
  case unprocessableContent = 422
  case tooManyRequests = 429
  case headerFieldsTooLarge = 431
  case internalServerError = 500
  case notImplemented = 501
  case badGateway = 502
  case serviceUnavailable = 503
  case versionNotSupported = 505

  /// A word for programs, where nobody has a better one.
  var code: String {
    // As lookups that may be tried again call it.
    if self == .serviceUnavailable { return "unavailable" }
    return String(decoding: "\(reason)".lowercased().utf8.map { $0 == 0x20 ? 0x5f : $0 }, as: UTF8.self)
  }

  var reason: StaticString {
    switch self {
    case .ok: "OK"
    case .found: "Found"
    case .temporaryRedirect: "Temporary Redirect"
    case .badRequest: "Bad Request"
    case .unauthorized: "Unauthorized"
    case .forbidden: "Forbidden"
    case .notFound: "Not Found"
    case .methodNotAllowed: "Method Not Allowed"
    case .requestTimeout: "Request Timeout"
    case .conflict: "Conflict"
    case .gone: "Gone"
    case .contentTooLarge: "Content Too Large"
    case .uriTooLong: "URI Too Long"
    case .unsupportedMediaType: "Unsupported Media Type"
    case .misdirectedRequest: "Misdirected Request"
    case .expectationFailed: "Expectation Failed"
    case .unprocessableContent: "Unprocessable Content"
    case .tooManyRequests: "Too Many Requests"
    case .headerFieldsTooLarge: "Request Header Fields Too Large"
    case .internalServerError: "Internal Server Error"
    case .notImplemented: "Not Implemented"
    case .badGateway: "Bad Gateway"
    case .serviceUnavailable: "Service Unavailable"
    case .versionNotSupported: "HTTP Version Not Supported"
    }
  }
}
