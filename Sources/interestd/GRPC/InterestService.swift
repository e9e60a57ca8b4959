import Bytes
import GRPC
import InterestCodec
import Lookup
import Network
import Serving

/// `interest.v1.InterestService` on lookups. One per network loop, on its thread only.
final class InterestService: GRPCService {
  private enum Method: Int { case getSequence, batchGetSequences, getGroups, describe }

  private let lookups: Lookups
  /// Reused.
  private var request = LookupRequest()

  /// In the order of `Method`.
  static let methods = [
    GRPCMethod("/interest.v1.InterestService/GetSequence"),
    GRPCMethod("/interest.v1.InterestService/BatchGetSequences"),
    GRPCMethod("/interest.v1.InterestService/GetGroups"),
    GRPCMethod("/interest.v1.InterestService/Describe"),
  ]

  init(_ service: LookupService) {
    lookups = Lookups(service)
    super.init(methods: Self.methods)
  }

  override func started(_ dialer: Dialer) { lookups.started(dialer) }

  override func respond(to call: GRPCCall, method: Int) {
    do throws(LookupError) {
      switch Method(rawValue: method) {
      case .getSequence: try getSequence(call)
      case .batchGetSequences: try batchGetSequences(call)
      case .getGroups: try getGroups(call)
      case .describe: try call.write { output throws(LookupError) in try lookups.describe(.protobuf, into: &output) }
      case nil: break
      }
    } catch { call.fail(error) }
  }

  private func getSequence(_ call: GRPCCall) throws(LookupError) {
    try request.read(.getSequence, call.message)
    let outcome = try call.write { output throws(LookupError) in
      try lookups.sequence(of: request.users[0], request.query, .protobuf, into: &output)
    }
    guard case .elsewhere(let route) = outcome else { return }
    try forward(call) { left_ms, completion throws(LookupError) in
      try lookups.forwardSequence(
        of: request.users[0], request.query, .protobuf, to: route, within_ms: left_ms, completion)
    }
  }

  private func getGroups(_ call: GRPCCall) throws(LookupError) {
    try request.read(.getGroups, call.message)
    let outcome = try call.write { output throws(LookupError) in
      try lookups.groups(of: request.users[0], shops: request.shops, request.query, .protobuf, into: &output)
    }
    guard case .elsewhere(let route) = outcome else { return }
    try forward(call) { left_ms, completion throws(LookupError) in
      try lookups.forwardGroups(
        of: request.users[0], shops: request.shops, request.query, .protobuf, to: route, within_ms: left_ms, completion)
    }
  }

  /// The user is another instance's: its answer is this call's, unless the client has gone or its time is over before.
  private func forward(
    _ call: GRPCCall, _ ask: (Int, @escaping Lookups.Completion) throws(LookupError) -> Forwarding
  ) throws(LookupError) {
    call.withdraw()
    let deferral = call.deferReply()
    let forwarding = try ask(call.left_ms) { result in
      deferral.answer { call in
        switch result {
        case .success(let answer): call.write { $0.append(answer.bytes) }
        case .failure(let error): call.fail(error)
        }
      }
    }
    deferral.onCancel = { forwarding.cancel() }
  }

  private func batchGetSequences(_ call: GRPCCall) throws(LookupError) {
    try request.read(.batchGetSequences, call.message)
    let deferral = call.deferReply()
    let outcome = try lookups.batch(of: request.users, request.query, .protobuf, within_ms: call.left_ms) { result in
      deferral.answer { call in
        switch result {
        case .success(let batch): call.write { batch.writeProtobuf(into: &$0) }
        case .failure(let error): call.fail(error)
        }
      }
    }
    switch outcome {
    case .answered(let batch):
      call.withdrawDeferral()
      call.write { batch.writeProtobuf(into: &$0) }
    case .pending(let work): deferral.onCancel = { work.cancel() }
    }
  }
}

extension GRPCCall {
  fileprivate func fail(_ error: LookupError) {
    let message = error.messageParameter.map { "\($0): \(error.message)" } ?? error.message
    fail(
      GRPCStatus(rawValue: error.code.grpcStatus) ?? .unknown, message,
      retryAfter_ms: error.retryAfter_s.map { $0 * 1000 })
  }
}
