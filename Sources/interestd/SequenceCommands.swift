import Bytes
import InterestCodec
import Lookup
import Network
import RESP
import Serving

/// Answers RESP's commands. One per network loop, on its thread only.
///
/// A value is a serialized `interest.v1.GroupSequence`; a user who is not known has none, as a key that is not there.
final class SequenceCommands: RESPHandler {
  private let lookups: Lookups
  private let facts: RESPFacts
  private let authorizer: Authorizer
  /// Of a command that other instances are asked for too; reused.
  private var keys = ByteStrings()
  /// What is not told, but its length; reused.
  private var scratch = ByteBuffer(capacity: 4096)

  init(_ service: LookupService, _ facts: RESPFacts, _ authorizer: Authorizer) {
    lookups = Lookups(service)
    self.authorizer = authorizer
    self.facts = facts
  }

  static var specs: [RESPCommandSpec] { Verb.allCases.map(\.spec) }

  override var commands: [RESPCommandSpec] { Self.specs }

  override var product: (name: String, redisVersion: String) { ("interestd", RESPFacts.redisVersion) }

  override var foreseenCommand: StaticString? { Verb.get.spec.name }

  override func foresee(key: UnsafeRawBufferPointer) { lookups.foresee(key, Verb.get.query, .protobuf) }

  override func foreseen() { lookups.foreseen() }

  // MARK: Who may do what

  override var initialAccess: RESPAccess { authorizer.isOpen ? .admin : .none }

  override func opened(_ session: RESPSession) {
    if authorizer.isOpen { return }
    session.credentials = Credentials(authorizer, identity: session.identity)
    refresh(session)
  }

  override func refresh(_ session: RESPSession) {
    lookups.begin(at_ns: session.active_ns)
    if let rights = session.credentials?.rights() { session.access = Self.access(rights) }
  }

  /// The password is a token, whoever the user is said to be.
  override func access(
    user: UnsafeRawBufferPointer, password: UnsafeRawBufferPointer, of session: RESPSession
  ) -> RESPAccess? {
    if authorizer.isOpen { return .admin }
    guard session.credentials?.present(password) == true, let rights = session.credentials?.rights() else { return nil }
    return Self.access(rights)
  }

  private static func access(_ rights: Rights) -> RESPAccess {
    rights.contains(.admin) ? .admin : rights.contains(.read) ? .read : .none
  }

  override func started(_ dialer: Dialer) { lookups.started(dialer) }

  override func info(for access: RESPAccess) -> [RESPInfoSection] {
    let greeting = facts.greeting(lookups.service)
    return access == .admin ? greeting + facts.work(lookups.service) : greeting
  }

  override func refusalOfWrites(removing: Bool) -> String {
    let isOfFiles = lookups.service.backend.map { $0.store.identity.source == .files } ?? false
    return switch (isOfFiles, removing) {
    case (false, false): "nothing is written here: behaviors come from Kafka"
    case (false, true): "nothing is deleted here: 'interestd erase USER' has a user forgotten, through the topic"
    case (true, false): "nothing is written here: behaviors come from files, by 'interestd ingest'"
    case (true, true): "nothing is deleted here: an event of type $erase, by 'interestd ingest', has a user forgotten"
    }
  }

  override func respond(
    to verb: Int, _ command: borrowing RESPCommand, _ session: RESPSession, into reply: inout RESPReply
  ) {
    guard let verb = Verb(rawValue: verb) else { return }
    let start = reply.mark
    do throws(LookupError) {
      switch verb {
      case .get: try answerSequence(command, SequenceQuery(), .protobuf, &reply)
      case .mget, .exists, .strlen, .type, .ttl, .pttl: try answerKeys(verb, command, &reply)
      case .sequence:
        let options = try LookupOptions(verb, command, from: 2)
        try answerSequence(command, options.query, options.form, &reply)
      case .groups: try answerGroups(command, &reply)
      case .describe: try answerDescribe(command, &reply)
      }
    } catch {
      reply.rewind(to: start)
      reply.fail(error, isStarting: lookups.service.backend == nil)
    }
  }

  // MARK: One user

  private func answerSequence(
    _ command: borrowing RESPCommand, _ query: SequenceQuery, _ form: AnswerForm, _ reply: inout RESPReply
  ) throws(LookupError) {
    let start = reply.mark
    var outcome = Outcome.answered(isKnown: false)
    try reply.bulk { output throws(LookupError) in
      outcome = try lookups.sequence(of: command[1], query, form, into: &output)
    }
    switch outcome {
    case .answered(isKnown: true): return
    case .answered(isKnown: false):
      reply.rewind(to: start)
      reply.null()
    case .elsewhere(let route):
      reply.rewind(to: start)
      try deferReply(&reply) { (completion) throws(LookupError) in
        try lookups.forwardSequence(of: command[1], query, form, to: route, completion)
      }
    }
  }

  private func answerGroups(_ command: borrowing RESPCommand, _ reply: inout RESPReply) throws(LookupError) {
    let options = try LookupOptions(.groups, command, from: 2, to: "SHOPS")
    let (query, form) = (options.query, options.form)
    let start = reply.mark
    var shops = ByteStrings()
    for index in options.end..<command.count { shops.append(command[index]) }
    var outcome = Outcome.answered(isKnown: false)
    try reply.bulk { output throws(LookupError) in
      outcome = try lookups.groups(of: command[1], shops: shops, query, form, into: &output)
    }
    guard case .elsewhere(let route) = outcome else { return }
    reply.rewind(to: start)
    let deferral = reply.deferReply()
    do throws(LookupError) {
      let forwarding = try lookups.forwardGroups(
        of: command[1], shops: shops, query, form, to: route, Self.answering(deferral, nilIfUnknown: false))
      deferral.onCancel = { forwarding.cancel() }
    } catch {
      reply.withdrawDeferral()
      throw error
    }
  }

  private func answerDescribe(_ command: borrowing RESPCommand, _ reply: inout RESPReply) throws(LookupError) {
    let options = try LookupOptions(.describe, command, from: 1)
    guard options.query == SequenceQuery() else {
      throw LookupError(.badRequest, "INTEREST.DESCRIBE has the option FORMAT only")
    }
    try reply.bulk { output throws(LookupError) in try lookups.describe(options.form, into: &output) }
  }

  // MARK: Many users

  /// All keys or an error: nobody takes what is missing for a user who is not known.
  private func answerKeys(
    _ verb: Verb, _ command: borrowing RESPCommand, _ reply: inout RESPReply
  ) throws(LookupError) {
    guard command.count - 1 <= LookupLimits.users else {
      throw LookupError(.badRequest, "\(command.count - 1) users are asked for, and \(LookupLimits.users) may be")
    }
    let start = reply.mark
    if command.count - 1 <= Lookups.quickUsers, try answerKeysHere(verb, command, &reply) { return }
    reply.rewind(to: start)
    keys.clear()
    for index in 1..<command.count { keys.append(command[index]) }
    let deferral = reply.deferReply()
    do throws(LookupError) {
      switch try lookups.batch(
        of: keys, verb.query, .protobuf,
        { result in
          deferral.answer { reply in
            switch result {
            case .success(let batch): Self.write(verb, batch, &reply)
            case .failure(let error): reply.fail(error)
            }
          }
        })
      {
      case .answered(let batch):
        reply.withdrawDeferral()
        Self.write(verb, batch, &reply)
      case .pending(let work): deferral.onCancel = { work.cancel() }
      }
    } catch {
      reply.withdrawDeferral()
      throw error
    }
  }

  /// False where a user is another instance's; what has been written is no reply then.
  private func answerKeysHere(
    _ verb: Verb, _ command: borrowing RESPCommand, _ reply: inout RESPReply
  ) throws(LookupError) -> Bool {
    let query = verb.query
    var total = 0
    let start = reply.mark
    if verb == .mget { reply.array(command.count - 1) }
    for index in 1..<command.count {
      if (index - 1) % Lookups.foreseeable == 0 { foresee(command, from: index, query) }
      var outcome = Outcome.answered(isKnown: false)
      do throws(LookupError) {
        if verb == .mget {
          let start = reply.mark
          try reply.bulk { output throws(LookupError) in
            outcome = try lookups.sequence(of: command[index], query, .protobuf, into: &output)
          }
          if case .answered(isKnown: false) = outcome {
            reply.rewind(to: start)
            reply.null()
          }
        } else {
          scratch.clear()
          outcome = try lookups.sequence(of: command[index], query, .protobuf, into: &scratch)
          if case .answered(isKnown: true) = outcome { total += verb == .strlen ? scratch.count : 1 }
        }
      } catch { throw lookups.service.backend == nil ? error : error.of(command[index], index, of: command.count - 1) }
      if case .elsewhere = outcome { return false }
      guard reply.mark - start <= LookupLimits.batch_bytes else { throw Batch.tooLarge }
    }
    if verb != .mget { verb.write(total, &reply) }
    return true
  }

  private func foresee(_ command: borrowing RESPCommand, from first: Int, _ query: SequenceQuery) {
    for index in first..<min(first + Lookups.foreseeable, command.count) where !command[index].isEmpty {
      lookups.foresee(command[index], query, .protobuf)
    }
    lookups.foreseen()
  }

  /// A batch as the reply to the command that has asked for it.
  private static func write(_ verb: Verb, _ batch: Batch, _ reply: inout RESPReply) {
    let start = reply.mark
    var total = 0
    if verb == .mget {
      reply.expect(batch.size + 16 * batch.count + 16)
      reply.array(batch.count)
    }
    for index in 0..<batch.count {
      switch batch[index] {
      case .answered(let isKnown, let bytes):
        if isKnown { total += verb == .strlen ? bytes.count : 1 }
        guard verb == .mget else { continue }
        if isKnown { reply.bulk(bytes) } else { reply.null() }
      case .failed(let error):
        reply.rewind(to: start)
        return reply.fail(error.of(batch.user(index), index + 1, of: batch.count))
      }
    }
    if verb != .mget { verb.write(total, &reply) }
  }

  // MARK: Other instances

  /// The reply comes when the owner has answered.
  private func deferReply(
    _ reply: inout RESPReply, _ forward: (@escaping Lookups.Completion) throws(LookupError) -> Forwarding
  ) throws(LookupError) {
    let deferral = reply.deferReply()
    do throws(LookupError) {
      let forwarding = try forward(Self.answering(deferral, nilIfUnknown: true))
      deferral.onCancel = { forwarding.cancel() }
    } catch {
      reply.withdrawDeferral()
      throw error
    }
  }

  private static func answering(_ deferral: RESPDeferral, nilIfUnknown: Bool) -> Lookups.Completion {
    { outcome in
      deferral.answer { reply in
        switch outcome {
        case .success(let answer):
          if answer.isKnown || !nilIfUnknown { reply.bulk(answer.bytes) } else { reply.null() }
        case .failure(let error): reply.fail(error)
        }
      }
    }
  }
}
