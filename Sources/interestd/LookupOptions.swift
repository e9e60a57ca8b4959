import InterestCodec
import Lookup
import RESP
import Serving

/// The options of a command: pairs of a name and a value, in any order, each once.
struct LookupOptions {
  private(set) var query = SequenceQuery()
  private(set) var form = AnswerForm.protobuf
  /// The place of the first argument behind the options.
  private(set) var end: Int

  private enum Name: Int, CaseIterable {
    case groups, behaviors, order, asOf, fields, generation, format

    var word: StaticString {
      switch self {
      case .groups: "GROUPS"
      case .behaviors: "BEHAVIORS"
      case .order: "ORDER"
      case .asOf: "ASOF"
      case .fields: "FIELDS"
      case .generation: "GENERATION"
      case .format: "FORMAT"
      }
    }

    func isMeant(by command: borrowing RESPCommand, _ index: Int) -> Bool {
      // As HTTP spells it.
      command.matches(index, word) || self == .asOf && command.matches(index, "AS_OF")
    }
  }

  /// - Parameters:
  ///   - first: The first option's place among the arguments.
  ///   - list: The word that ends the options and must be there: a list follows. Nil: nothing does.
  init(
    _ verb: SequenceCommands.Verb, _ command: borrowing RESPCommand, from first: Int, to list: StaticString? = nil
  ) throws(LookupError) {
    end = first
    if command.count == first && list == nil { return }
    var values = [String?](repeating: nil, count: Name.allCases.count)
    while end < command.count {
      if let list, command.matches(end, list) { break }
      guard let name = Name.allCases.first(where: { $0.isMeant(by: command, end) }) else {
        throw LookupError(.badRequest, "'\(command.shown(end))' is out of place: the syntax is \(verb.syntax)")
      }
      guard end + 1 < command.count else { throw LookupError(.badRequest, "\(name.word) has no value") }
      guard values[name.rawValue] == nil else { throw LookupError(.badRequest, "\(name.word) is there twice") }
      values[name.rawValue] = String(decoding: command[end + 1], as: UTF8.self)
      end += 2
    }
    if let list {
      guard end < command.count else {
        throw LookupError(.badRequest, "\(list) is missing: the syntax is \(verb.syntax)")
      }
      end += 1
    }
    func value(_ name: Name) -> String? { values[name.rawValue] }
    query = try QueryParameters.query(
      groups: value(.groups), behaviors: value(.behaviors), order: value(.order)?.lowercased(), asOf: value(.asOf),
      generation: value(.generation), fields: value(.fields))
    switch value(.format)?.lowercased() {
    case nil, "protobuf": form = .protobuf
    case "json": form = .json
    case let other?: throw LookupError(.badRequest, "'\(other)' is not protobuf or json", parameter: "format")
    }
  }
}

extension LookupError {
  /// Tells which user it is about, the `number`th of `count`, counted from 1; what concerns all of them is left as it is.
  func of(_ user: UnsafeRawBufferPointer, _ number: Int, of count: Int) -> LookupError {
    if count == 1 || code == .tooLarge || code == .busy { return self }
    return LookupError(
      code, "user \(number) of \(count), '\(RESPCommand.shown(user))': \(message)", retryAfter_s: retryAfter_s)
  }
}

extension RESPReply {
  /// A lookup's error as clients of Redis tell errors apart, by the first word. `TRYAGAIN`, `LOADING` and `BUSY` may be tried again,
  /// `TOOLARGE` for fewer users.
  ///
  /// - Parameter isStarting: Whether there is no state yet, so that nobody is answered: clients that know `LOADING` wait by themselves.
  mutating func fail(_ error: LookupError, isStarting: Bool = false) {
    let message = error.parameter.map { "\($0): \(error.message)" } ?? error.message
    switch error.code {
    case .unavailable: self.error(isStarting ? "LOADING" : "TRYAGAIN", message)
    case .deadline: self.error("TRYAGAIN", message)
    case .busy: self.error("BUSY", message)
    case .tooLarge:
      // Of MGET alone, which has none of the parameters that the error speaks of.
      self.error(
        "TOOLARGE",
        "the values are longer than \(LookupLimits.batch_bytes >> 20) MiB together: ask for fewer users at a time, or by "
          + "INTEREST.SEQUENCE for each in a pipeline")
    default: self.error("ERR", message)
    }
  }
}
