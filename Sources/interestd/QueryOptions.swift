import CommandLineArguments
import InterestCodec
import InterestModel
import Lookup

/// The options by which commands say what of a user is asked for: the parameters of lookups, by the same rules.
enum QueryOptions {
  /// What is chosen of a sequence.
  static let selection: [Option] = [
    .integer(
      "groups", "N", in: 0...SequenceQuery.maximumGroups,
      help: "groups at most, the newest (or largest) of them; default \(SequenceQuery.defaultGroups)"),
    .integer(
      "behaviors", "N", in: 0...StateConfiguration.maximumKeptBehaviors,
      help: "behaviors of each group at most; default all that are kept, 0 is none"),
    .choice(
      "order", "ORDER", of: SequenceQuery.Order.allCases.map(\.rawValue),
      help: "which groups are chosen; default recency"),
    .checked("fields", "LIST", help: "columns that are answered, as counts,windows,behavior_shop; default all") {
      refusal(of: ["fields": $0])
    },
  ]

  static let all: [Option] =
    selection + [
      .checked("as-of", "TIME", help: "count the windows back from this day, as in 2026-01-31") {
        refusal(of: ["as_of": $0])
      },
      .integer("generation", "N", in: 1...Int(UInt32.max), help: "the generation that must answer"),
    ]

  /// What a command line asks for, by the names that lookups have for it.
  static func parameters(of arguments: ParsedArguments) -> [String: String] {
    let declared = all.map(\.name).filter { name in arguments.command.options.contains { $0.name == name } }
    return Dictionary(
      uniqueKeysWithValues: declared.compactMap { name in
        arguments.text(name).map { (name == "as-of" ? "as_of" : name, $0) }
      })
  }

  static func query(_ parameters: [String: String]) throws(LookupError) -> SequenceQuery {
    try QueryParameters.query(
      groups: parameters["groups"], behaviors: parameters["behaviors"], order: parameters["order"],
      asOf: parameters["as_of"], generation: parameters["generation"], fields: parameters["fields"])
  }

  private static func refusal(of parameters: [String: String]) -> String? {
    do throws(LookupError) {
      _ = try query(parameters)
      return nil
    } catch { return error.message }
  }

  /// What a lookup says, with the option that it is about.
  static func told(_ message: String, _ parameter: String?) -> String {
    guard let parameter, parameter != "user" else { return message }
    return "--\(parameter == "as_of" ? "as-of" : parameter): \(message)"
  }
}
