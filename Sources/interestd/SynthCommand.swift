import CommandLineArguments

struct SynthCommand {
  init(_ arguments: ParsedArguments) {}
  func run() throws -> Int32 { 0 }
}
