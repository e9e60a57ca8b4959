import CommandLineArguments

/// A small set of commands that uses every kind of declaration.
let sample = Program(
  "feeder",
  discussion: "Reads behaviors and keeps what users are interested in. The first paragraph is long enough to be "
    + "wrapped at the hundredth column.\nA second paragraph.",
  version: "feeder 1.0",
  commands: [
    Command(
      "load", summary: "read behaviors from files",
      discussion: "Reads behaviors from files into a state directory, and goes on where the last run stopped.",
      arguments: [Argument("INPUT", .repeated(minimum: 1), help: "a .jsonl or .jsonl.gz file; - is standard input")],
      options: [
        .text("config", "FILE", required: true, help: "the configuration"),
        .text("state", "DIR", default: "./state", help: "where states are kept"),
        .integer("limit", "N", in: 1...1_000_000, help: "stop after so many behaviors"),
        .number("late-share", "SHARE", in: 0...1, default: 0.25, help: "share of late behaviors"),
        .duration("age", "TIME", in: 10...3_600_000, default: "5s", help: "how long the oldest behavior waits"),
        .choice("format", "FORMAT", of: ["json", "protobuf"], default: "json", help: "what the records are"),
        .text("set", "KEY=VALUE", repeatable: true, help: "overrides a key"),
        .flag("json", help: "print the summary as one line of JSON, the last one on standard output"),
      ],
      examples: [Example("feeder load --config c.yaml a.jsonl.gz", "reads one file")]),
    Command(
      "find", summary: "print what a user is interested in", discussion: "Prints a user's groups.",
      arguments: [Argument("USER", help: "the user's id"), Argument("ITEM", .optional, help: "an item")],
      options: [
        .text("state", "DIR", help: "read this state"), .text("endpoint", "URL", help: "ask this daemon"),
        .integer("groups", "N", in: -5...100, default: 7, help: "groups at most"),
      ], oneOf: [["state", "endpoint"]]),
    Command("config check", summary: "check a configuration", discussion: "Checks a configuration."),
    Command(
      "config show", summary: "print a configuration", discussion: "Prints a configuration.",
      options: [
        .text("config", "FILE", help: "the configuration"),
        .checked("day", "DAY", help: "as of when") { $0 == "today" ? nil : "'\($0)' is no day" },
      ]),
  ],
  examples: [Example("feeder load --config c.yaml a.jsonl.gz", "reads one file")])

/// The request of a command line, its words separated by spaces.
func request(_ line: String) throws(UsageError) -> Program.Request {
  try sample.parse(line.split(separator: " ").map(String.init))
}

/// The arguments of a command line that runs a command.
func arguments(_ words: [String]) throws -> ParsedArguments {
  guard case .run(let arguments) = try sample.parse(words) else { throw NotARun() }
  return arguments
}

struct NotARun: Error {}
