import Bytes
import HTTP
import InterestCodec
import Lookup

/// Lookups whose `Outcome` is `elsewhere`. They throw where too many are under way (`busy`), the owner cannot be reached or `within_ms` is
/// over; otherwise `completion` is called once on the loop's thread after they have returned, unless they are canceled before.
extension Lookups {
  /// An owner has so long to answer, unless the caller's own time is over before.
  public static var forwarding_ms: Int { 2000 }

  /// What is asked of an instance carries this field, with the address of the instance that asks: give it to `forwardedBy`.
  public static var forwardedField: StaticString { Forwarder.field }

  public typealias Completion = (Result<ForwardedAnswer, LookupError>) -> Void

  /// - Parameter within_ms: The caller's time; without it, an owner's (`forwarding_ms`).
  public func forwardSequence(
    of user: UnsafeRawBufferPointer, _ query: SequenceQuery, _ form: AnswerForm, to route: ForwardRoute,
    within_ms: Int = .max, _ completion: @escaping Completion
  ) throws(LookupError) -> Forwarding {
    var target = Self.target(user, "/sequence")
    target.append(query.queryString)
    return try forward(to: route, target, nil, form, within_ms, completion)
  }

  public func forwardGroups(
    of user: UnsafeRawBufferPointer, shops: borrowing ByteStrings, _ query: SequenceQuery, _ form: AnswerForm,
    to route: ForwardRoute, within_ms: Int = .max, _ completion: @escaping Completion
  ) throws(LookupError) -> Forwarding {
    var body = ByteBuffer(capacity: 1 << 10)
    LookupRequest.writeGetGroups(user: user, shops: shops, query, into: &body)
    return try forward(to: route, Self.target(user, "/groups"), body.bytes, form, within_ms, completion)
  }

  private func forward(
    to route: ForwardRoute, _ target: borrowing ByteBuffer, _ body: UnsafeRawBufferPointer?, _ form: AnswerForm,
    _ within_ms: Int, _ completion: @escaping Completion
  ) throws(LookupError) -> Forwarding {
    let forwarder = try needForwarder()
    let forwarding = Forwarding(forwarder.client, forwarder.counters, try service.admission.admit())
    try forwarder.ask(
      route, target: target.bytes, body: body, accept: form.contentType, within_ms: within_ms, for: forwarding
    ) { outcome in
      completion(outcome.map { ForwardedAnswer(isKnown: !$0.isUnknown, reply: $0) })
    }
    return forwarding
  }

  func needForwarder() throws(LookupError) -> Forwarder {
    if let forwarder { return forwarder }
    throw LookupError(.unavailable, "the owner cannot be asked: no connections can be made here", retryAfter_s: 1)
  }

  /// `/v1/users/<user, escaped>` and what follows.
  private static func target(_ user: UnsafeRawBufferPointer, _ rest: StaticString) -> ByteBuffer {
    var target = ByteBuffer(capacity: 512)
    target.append("/v1/users/")
    for byte in user {
      switch byte {
      case 48...57, 65...90, 97...122, 45, 46, 95, 126: target.append(byte)
      default:
        target.append(UInt8(ascii: "%"))
        target.append(Self.hexadecimal(byte >> 4))
        target.append(Self.hexadecimal(byte & 15))
      }
    }
    target.append(rest)
    return target
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8 { digit < 10 ? 48 + digit : 55 + digit }
}

extension AnswerForm {
  /// As HTTP names it.
  public var contentType: StaticString { self == .json ? HTTPResponse.json : HTTPResponse.protobuf }
}
