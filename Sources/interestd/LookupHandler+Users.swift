import Bytes
import HTTP
import InterestCodec
import Lookup
import Serving

/// The paths that answer for users.
extension LookupHandler {
  func answerSequence(_ request: borrowing HTTPRequest, _ response: inout HTTPResponse) throws {
    let query = try request.query()
    let user = request.segment(2)
    let form = request.answerForm
    switch try lookups.sequence(of: user, query, form, forwardedBy: request.forwarder, into: &response.body) {
    case .answered(let isKnown): response.finish(form, isKnown: isKnown)
    case .elsewhere(let route):
      if redirects { return redirect(request, to: route, &response) }
      try deferReply(&response, form) { (completion) throws(LookupError) in
        try lookups.forwardSequence(of: user, query, form, to: route, completion)
      }
    }
  }

  func answerGroups(_ request: borrowing HTTPRequest, _ response: inout HTTPResponse) throws {
    try readGroups(request)
    let user = request.segment(2)
    let form = request.answerForm
    let outcome = try lookups.groups(
      of: user, shops: body.shops, body.query, form, forwardedBy: request.forwarder, into: &response.body)
    switch outcome {
    case .answered(let isKnown): response.finish(form, isKnown: isKnown)
    case .elsewhere(let route):
      if redirects { return redirect(request, to: route, &response) }
      try deferReply(&response, form) { (completion) throws(LookupError) in
        try lookups.forwardGroups(of: user, shops: body.shops, body.query, form, to: route, completion)
      }
    }
  }

  /// `shops=1,2,3`, or a body.
  private func readGroups(_ request: borrowing HTTPRequest) throws {
    if request.method == .post {
      try request.checkParameters([])
      return try body.read(.getGroups, request)
    }
    body.clear()
    body.query = try request.query(more: ["shops"])
    guard let shops = request.parameter("shops") else {
      throw LookupError(.badRequest, "name shops, as in shops=1,2,3", parameter: "shops")
    }
    for shop in shops.split(
      separator: UInt8(ascii: ","), maxSplits: LookupLimits.shops, omittingEmptySubsequences: false)
    {
      body.shops.append(UnsafeRawBufferPointer(rebasing: shop))
    }
  }

  func answerBatch(_ request: borrowing HTTPRequest, _ response: inout HTTPResponse) throws {
    try request.checkParameters([])
    try body.read(.batchGetSequences, request)
    let answer = BatchAnswerForm(request)
    let deferral = response.deferReply()
    let outcome: BatchOutcome
    do {
      outcome = try lookups.batch(of: body.users, body.query, answer.form, forwardedBy: request.forwarder) { result in
        deferral.answer { response in
          switch result {
          case .success(let batch): answer.write(batch, &response)
          case .failure(let error): response.fail(error)
          }
        }
      }
    } catch {
      response.withdrawDeferral()
      throw error
    }
    switch outcome {
    case .answered(let batch):
      response.withdrawDeferral()
      answer.write(batch, &response)
    case .pending(let work): deferral.onCancel = { work.cancel() }
    }
  }

  private func redirect(_ request: borrowing HTTPRequest, to route: ForwardRoute, _ response: inout HTTPResponse) {
    lookups.service.forwards.count(.redirected)
    response.fail(.temporaryRedirect, "the user is at \(route.address)")
    response.setHeader(
      "Location",
      (lookups.service.peers.tls == nil ? "http://" : "https://") + route.address
        + String(decoding: request.rawTarget, as: UTF8.self))
  }

  /// Owes the reply until the owner's answer is there.
  private func deferReply(
    _ response: inout HTTPResponse, _ form: AnswerForm,
    _ forward: (@escaping Lookups.Completion) throws(LookupError) -> Forwarding
  ) throws(LookupError) {
    let deferral = response.deferReply()
    do throws(LookupError) {
      let forwarding = try forward { outcome in
        deferral.answer { response in
          switch outcome {
          case .success(let answer):
            response.body.append(answer.bytes)
            response.finish(form, isKnown: answer.isKnown)
          case .failure(let error): response.fail(error)
          }
        }
      }
      deferral.onCancel = { forwarding.cancel() }
    } catch {
      response.withdrawDeferral()
      throw error
    }
  }
}

/// How a batch is answered over HTTP.
private struct BatchAnswerForm {
  let form: AnswerForm
  private let isLines: Bool

  init(_ request: borrowing HTTPRequest) {
    isLines = request.preference(for: "application/x-ndjson") > 0
    form = isLines ? .json : request.answerForm
  }

  func write(_ batch: Batch, _ response: inout HTTPResponse) {
    if isLines {
      response.contentType = HTTPResponse.jsonLines
      response.variesByAccept = true
      batch.writeJSONLines(into: &response.body)
    } else if form == .json {
      batch.writeJSON(into: &response.body)
      response.finish(form)
    } else {
      batch.writeProtobuf(into: &response.body)
      response.finish(form)
    }
  }
}
