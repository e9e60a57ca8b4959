import Bytes
import Foundation
import HTTP
import InterestCodec
import Lookup
import Serving

/// Lookups in terms of HTTP: parameters, forms and errors.
extension HTTPRequest {
  /// JSON, unless Protobuf is asked for, and not liked less.
  var answerForm: AnswerForm {
    let protobuf = max(preference(for: "application/x-protobuf"), preference(for: "application/protobuf"))
    return protobuf > 0 && protobuf >= preference(for: "application/json") ? .protobuf : .json
  }

  /// The instance that has passed this request on.
  var forwarder: String? {
    field(Lookups.forwardedField).map { String(decoding: $0.prefix(100), as: UTF8.self) }
  }

  private static let queryNames: [StaticString] = ["groups", "behaviors", "order", "as_of", "generation", "fields"]

  /// The query's parameters, and nothing but them and `more`.
  func query(more: [StaticString] = []) throws -> SequenceQuery {
    try checkParameters(Self.queryNames + more)
    if parameterCount == 0 { return SequenceQuery() }
    func text(_ name: StaticString) -> String? { parameter(name).map { String(decoding: $0, as: UTF8.self) } }
    return try QueryParameters.query(
      groups: text("groups"), behaviors: text("behaviors"), order: text("order"), asOf: text("as_of"),
      generation: text("generation"), fields: text("fields"))
  }
}

extension HTTPResponse {
  /// The body is an answer in this form.
  mutating func finish(_ form: AnswerForm, isKnown: Bool = true) {
    contentType = form.contentType
    variesByAccept = true
    if form == .json { body.append("\n") }
    if !isKnown { setHeader(HTTPReply.unknownField, "1") }
  }

  /// `{"error":{"code":"bad_request","parameter":"groups","message":"..."}}`
  mutating func fail(_ error: LookupError) {
    let code = error.code.rawValue
    switch error.code {
    case .unavailable, .busy, .notOwned, .deadline:
      failUnavailable(retryAfter_s: error.retryAfter_s ?? 1, code: code, error.message)
    case .badRequest: fail(.badRequest, code: code, parameter: error.parameter, error.message)
    case .noGeneration: fail(.notFound, code: code, parameter: error.parameter, error.message)
    case .noClusterMap: fail(.conflict, code: code, error.message)
    case .tooLarge: fail(.contentTooLarge, code: code, error.message)
    case .damaged, .storage, .misplaced: fail(.internalServerError, code: code, error.message)
    case .badAnswer: fail(.badGateway, code: code, error.message)
    }
  }
}

extension LookupRequest {
  /// Reads a body: Protobuf where its type says so, otherwise JSON.
  mutating func read(_ kind: Kind, _ request: borrowing HTTPRequest) throws {
    if HTTPRequest.isType(request.contentType, "application/x-protobuf")
      || HTTPRequest.isType(request.contentType, "application/protobuf")
    {
      try read(kind, request.body)
    } else {
      try readJSON(kind, request.body)
    }
  }

  /// `{"users":["u1",...],"groups":10,...}` or `{"shops":["1",...],...}`: the parameters of a sequence beside them.
  private mutating func readJSON(_ kind: Kind, _ bytes: UnsafeRawBufferPointer) throws {
    clear()
    guard let object = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any] else {
      throw LookupError(.badRequest, "the body is not a JSON object")
    }
    let listName = kind == .getGroups ? "shops" : "users"
    var texts: [String: String] = [:]
    for (name, value) in object where name != listName {
      guard ["groups", "behaviors", "order", "as_of", "generation", "fields"].contains(name) else {
        throw LookupError(.badRequest, "unknown", parameter: name)
      }
      texts[name] = try Self.text(value, name)
    }
    query = try QueryParameters.query(
      groups: texts["groups"], behaviors: texts["behaviors"], order: texts["order"], asOf: texts["as_of"],
      generation: texts["generation"], fields: texts["fields"])
    guard let list = object[listName] as? [Any] else {
      throw LookupError(.badRequest, "must be a list of ids", parameter: listName)
    }
    let limit = kind == .getGroups ? LookupLimits.shops : LookupLimits.users
    guard list.count <= limit else {
      throw LookupError(.badRequest, "\(list.count) are asked for, and \(limit) may be", parameter: listName)
    }
    for value in list {
      let id = try Self.text(value, listName)
      if kind == .getGroups { shops.append(id) } else { users.append(id) }
    }
  }

  /// Strings, whole numbers, and for fields a list of strings.
  private static func text(_ value: Any, _ name: String) throws -> String {
    switch value {
    case let text as String: return text
    case let names as [String] where name == "fields": return names.joined(separator: ",")
    case let number as NSNumber where isInteger(number): return number.stringValue
    default: throw LookupError(.badRequest, "must be a string or a whole number", parameter: name)
    }
  }

  /// Not a fraction, and not true or false.
  private static func isInteger(_ number: NSNumber) -> Bool {
    !["c", "B", "f", "d"].contains(String(cString: number.objCType))
  }
}
