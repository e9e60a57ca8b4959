import CommandLineArguments
import Testing

/// The text that a command line asks for, if it is help.
private func help(_ line: String) throws -> String? {
  guard case .help(let text) = try request(line) else { return nil }
  return text
}

@Suite("Help")
struct HelpTests {
  @Test("the program's help", arguments: ["--help", "-h", "help", "-h load"])
  func program(line: String) throws {
    #expect(
      try help(line) == """
        usage: feeder COMMAND [OPTION...]

        Reads behaviors and keeps what users are interested in. The first paragraph is long enough to be
        wrapped at the hundredth column.

        A second paragraph.

        commands:
          load          read behaviors from files
          find          print what a user is interested in
          config check  check a configuration
          config show   print a configuration

        options:
          -h, --help  print this, or after a command its own help
          --version   print the version

        examples:
          feeder load --config c.yaml a.jsonl.gz
              reads one file

        """)
  }

  @Test(
    "a command's help, whatever else stands on its line",
    arguments: ["load --help", "load -h", "help load", "load --nope --config --help x"])
  func command(line: String) throws {
    #expect(
      try help(line) == """
        usage: feeder load --config FILE [--state DIR] [--limit N] [--late-share SHARE] [--age TIME]
                           [--format FORMAT] [--set KEY=VALUE]... [--json] INPUT...

        Reads behaviors from files into a state directory, and goes on where the last run stopped.

        arguments:
          INPUT  a .jsonl or .jsonl.gz file; - is standard input

        options:
          --config FILE       the configuration (required)
          --state DIR         where states are kept (default: ./state)
          --limit N           stop after so many behaviors
          --late-share SHARE  share of late behaviors (default: 0.25)
          --age TIME          how long the oldest behavior waits (default: 5s)
          --format FORMAT     what the records are (one of json, protobuf; default: json)
          --set KEY=VALUE     overrides a key (may be repeated)
          --json              print the summary as one line of JSON, the last one on standard output
          -h, --help          print this

        examples:
          feeder load --config c.yaml a.jsonl.gz
              reads one file

        """)
  }

  @Test("the help of a command with alternatives")
  func alternatives() throws {
    #expect(
      try help("find --help") == """
        usage: feeder find (--state DIR | --endpoint URL) [--groups N] USER [ITEM]

        Prints a user's groups.

        arguments:
          USER  the user's id
          ITEM  an item

        options:
          --state DIR     read this state
          --endpoint URL  ask this daemon
          --groups N      groups at most (default: 7)
          -h, --help      print this

        """)
  }

  @Test("the first of two words has help of its own", arguments: ["config --help", "help config"])
  func group(line: String) throws {
    #expect(
      try help(line) == """
        usage: feeder config COMMAND [OPTION...]

        commands:
          config check  check a configuration
          config show   print a configuration

        """)
  }

  @Test("after -- help is an ordinary argument")
  func notHelp() throws {
    #expect(try arguments(["load", "--config", "c", "--", "--help"]).arguments("INPUT") == ["--help"])
  }

  @Test("no line is longer than 100 columns, and none ends in spaces")
  func width() throws {
    for command in sample.commands {
      for line in sample.help(of: command).split(separator: "\n") {
        #expect(line.count <= 100 && line.last != " ")
      }
    }
  }

  @Test("the version is a line")
  func version() throws {
    guard case .version(let text) = try request("--version") else {
      Issue.record("no version")
      return
    }
    #expect(text == "feeder 1.0\n")
  }
}
