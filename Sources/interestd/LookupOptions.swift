import InterestCodec
import Lookup
import RESP
import Serving

/// The options of INTEREST.SEQUENCE: pairs of a name and a value, in any order, each once.
struct LookupOptions {
  private(set) var query = SequenceQuery()
  private(set) var form = AnswerForm.protobuf

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
  }

  /// - Parameter first: The first option's place among the arguments.
  init(_ command: borrowing RESPCommand, from first: Int) throws(LookupError) {
    if command.count == first { return }
    var values = [String?](repeating: nil, count: Name.allCases.count)
    var index = first
    while index < command.count {
      guard let name = Name.allCases.first(where: { command.matches(index, $0.word) }) else {
        throw LookupError(
          .badRequest,
          "'\(command.shown(index))' is not one of \(Name.allCases.map { "\($0.word)" }.joined(separator: ", "))")
      }
      guard index + 1 < command.count else { throw LookupError(.badRequest, "\(name.word) has no value") }
      guard values[name.rawValue] == nil else { throw LookupError(.badRequest, "\(name.word) is there twice") }
      values[name.rawValue] = String(decoding: command[index + 1], as: UTF8.self)
      index += 2
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

extension RESPReply {
  /// A lookup's error as clients of Redis tell errors apart, by the first word. `TRYAGAIN`, `LOADING` and `BUSY` may be tried again.
  ///
  /// - Parameter isStarting: Whether there is no state yet, so that nobody is answered: clients that know `LOADING` wait by themselves.
  mutating func fail(_ error: LookupError, isStarting: Bool = false) {
    let message = error.parameter.map { "\($0): \(error.message)" } ?? error.message
    switch error.code {
    case .unavailable: self.error(isStarting ? "LOADING" : "TRYAGAIN", message)
    case .deadline: self.error("TRYAGAIN", message)
    case .busy: self.error("BUSY", message)
    default: self.error("ERR", message)
    }
  }
}
