import CommandLineArguments
import TestKit
import Testing

@Suite("Reading a command line")
struct CommandLineTests {
  @Test("options, their two spellings, and positional arguments in any order")
  func everything() throws {
    let parsed = try arguments([
      "load", "a", "--config", "c=d", "--limit=9", "b", "--late-share", "0.5", "--json", "--age", "250ms", "--set",
      "a=1",
      "--set=b=2", "--format", "protobuf", "-", "--", "--json", "-x",
    ])
    #expect(parsed.command.name == "load")
    #expect(parsed.text("config") == "c=d")
    #expect(parsed.integer("limit") == 9)
    #expect(parsed.number("late-share") == 0.5)
    #expect(parsed.duration_ms("age") == 250)
    #expect(parsed.texts("set") == ["a=1", "b=2"])
    #expect(parsed.text("format") == "protobuf")
    #expect(parsed.flag("json"))
    #expect(parsed.arguments("INPUT") == ["a", "b", "-", "--json", "-x"])
  }

  @Test("what is left out has its default, and does not count as given")
  func defaults() throws {
    let parsed = try arguments(["load", "--config", "c", "a"])
    #expect(parsed.text("state") == "./state")
    #expect(parsed.integer("limit") == nil)
    #expect(parsed.number("late-share") == 0.25)
    #expect(parsed.duration_ms("age") == 5000)
    #expect(parsed.texts("set").isEmpty)
    #expect(!parsed.flag("json"))
    #expect(!parsed.isGiven("state"))
    #expect(parsed.isGiven("config"))
    #expect(parsed.isGiven("INPUT"))
    let find = try arguments(["find", "u1", "--state", "", "--groups", "-3"])
    #expect(find.argument("USER") == "u1")
    #expect(find.argument("ITEM") == nil)
    #expect(!find.isGiven("ITEM"))
    #expect(find.text("state")?.isEmpty == true)
    #expect(find.integer("groups") == -3)
    #expect(try arguments(["find", "u1", "i1", "--endpoint", "http://h"]).argument("ITEM") == "i1")
  }

  @Test("a value may begin with a dash after an equals sign, and may be a lone dash")
  func dashes() throws {
    #expect(try arguments(["load", "--config=--json", "a"]).text("config") == "--json")
    #expect(try arguments(["load", "--config", "-", "a"]).text("config") == "-")
    #expect(try arguments(["load", "--config=", "a"]).text("config")?.isEmpty == true)
  }

  @Test("times are read in every unit", arguments: [("10ms", 10), ("1s", 1000), ("2m", 120_000), ("1h", 3_600_000)])
  func durations(text: String, expected_ms: Int) throws {
    #expect(try arguments(["load", "--config", "c", "--age", text, "a"]).duration_ms("age") == expected_ms)
  }

  @Test("commands of two words are told apart")
  func twoWords() throws {
    #expect(try arguments(["config", "check"]).command.name == "config check")
    #expect(try arguments(["config", "show", "--config", "c"]).command.name == "config show")
    #expect(try arguments(["config", "show", "--day", "today"]).text("day") == "today")
  }

  @Test(
    "what cannot be understood is refused in one line, with the command that helps",
    arguments: [
      ("", "name a command: load, find, config check, config show (see 'feeder --help')"),
      ("laod", "unknown command 'laod': did you mean 'load'? (see 'feeder --help')"),
      ("xyzzy", "unknown command 'xyzzy': commands are load, find, config check, config show (see 'feeder --help')"),
      ("config", "'config' is followed by a word: config check, config show (see 'feeder config --help')"),
      ("config chekc", "'config' is followed by a word: config check, config show (see 'feeder config --help')"),
      ("confgi check", "unknown command 'confgi': did you mean 'config'? (see 'feeder --help')"),
      ("--json load", "options come after the command: '--json' is in its place (see 'feeder --help')"),
      ("load --confg c a", "'load' has no option '--confg'; did you mean --config? (see 'feeder load --help')"),
      ("load -json a", "'load' has no option '-json'; did you mean --json? (see 'feeder load --help')"),
      (
        "load --endpoint=x a", "'load' has no option '--endpoint'; it is an option of 'find' (see 'feeder load --help')"
      ),
      ("load --xyzzy a", "'load' has no option '--xyzzy' (see 'feeder load --help')"),
      ("load -x a", "'load' has no option '-x' (see 'feeder load --help')"),
      ("load --help=x a", "'load' has no option '--help'; did you mean --help? (see 'feeder load --help')"),
      ("load a", "--config FILE is missing (see 'feeder load --help')"),
      ("load --config c", "INPUT is missing (see 'feeder load --help')"),
      ("load a --config", "--config needs a value: --config FILE (see 'feeder load --help')"),
      (
        "load --config --json a",
        "--config needs a value, not the option '--json' (if it is the value, write --config=--json) "
          + "(see 'feeder load --help')"
      ),
      ("load --config c --config d a", "--config is given twice (see 'feeder load --help')"),
      ("load --config c --json=yes a", "--json takes no value (see 'feeder load --help')"),
      (
        "load --config c --limit 0 a",
        "--limit needs a whole number from 1 to 1000000, not '0' (see 'feeder load --help')"
      ),
      (
        "load --config c --limit 5k a",
        "--limit needs a whole number from 1 to 1000000, not '5k' (see 'feeder load --help')"
      ),
      (
        "load --config c --limit 99999999999999999999 a",
        "--limit needs a whole number from 1 to 1000000, not '99999999999999999999' (see 'feeder load --help')"
      ),
      (
        "load --config c --late-share nan a",
        "--late-share needs a number from 0.0 to 1.0, not 'nan' (see 'feeder load --help')"
      ),
      (
        "load --config c --age 5 a",
        "--age needs a time from 10ms to 1h, with its unit: ms, s, m, h or d, not '5' (see 'feeder load --help')"
      ),
      (
        "load --config c --age 2d a",
        "--age needs a time from 10ms to 1h, with its unit: ms, s, m, h or d, not '2d' (see 'feeder load --help')"
      ),
      (
        "load --config c --format protobuff a",
        "--format needs one of json, protobuf, not 'protobuff'; did you mean 'protobuf'? (see 'feeder load --help')"
      ),
      ("find --state d", "USER is missing (see 'feeder find --help')"),
      ("find u", "give --state DIR or --endpoint URL (see 'feeder find --help')"),
      (
        "find u --state d --endpoint e",
        "--state and --endpoint exclude each other: give --state DIR or --endpoint URL (see 'feeder find --help')"
      ),
      ("find u i x --state d", "unexpected argument 'x': 'find' takes only USER [ITEM] (see 'feeder find --help')"),
      (
        "config check x",
        "unexpected argument 'x': 'config check' takes no arguments (see 'feeder config check --help')"
      ),
      (
        "config show --day y\u{7}ear",
        "--day is refused: 'y?ear' is no day (see 'feeder config show --help')"
      ),
      ("help laod", "unknown command 'laod': did you mean 'load'? (see 'feeder --help')"),
    ])
  func refusals(line: String, message: String) {
    let error = #expect(throws: UsageError.self) { try request(line) }
    #expect(error?.description == message)
    #expect(error?.exitCode == 2)
  }

  @Test("control characters and long words are not repeated in a message")
  func quoting() {
    let word = "a\u{1B}[31m\n" + String(repeating: "x", count: 500)
    let error = #expect(throws: UsageError.self) { try sample.parse([word]) }
    #expect(error?.message.hasPrefix("unknown command 'a?[31m?xxx") == true)
    #expect((error?.message.count ?? 999) < 200)
  }

  @Test("random command lines give a request or an error")
  func randomLines() {
    let words = [
      "load", "find", "config", "check", "help", "--", "-", "--config", "--config=", "--limit", "--json", "--age", "5s",
      "-h",
      "--help", "--version", "--state=", "", "=", "--=", "-=", "é", "9", "--endpoint", "x",
    ]
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<2000 {
      let line = (0..<Int.random(in: 0...7, using: &generator)).map { _ in
        words[Int.random(in: 0..<words.count, using: &generator)]
      }
      do throws(UsageError) {
        guard case .run(let parsed) = try sample.parse(line) else { continue }
        #expect(line.starts(with: parsed.command.name.split(separator: " ").map(String.init)))
      } catch {
        #expect(!error.message.isEmpty && !error.description.contains("\n"))
      }
    }
  }
}
