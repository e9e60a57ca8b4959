import CommandLineArguments

struct SynthCommand {
  init(_ arguments: ParsedArguments) {}
  func run() throws -> Int32 { 0 }
}
struct RunCommand {
  init(_ arguments: ParsedArguments) {}
  func run() throws -> Int32 { 0 }
}
struct ServeCommand {
  init(_ arguments: ParsedArguments) {}
  func run() throws -> Int32 { 0 }
}
struct ProduceCommand {
  init(_ arguments: ParsedArguments) {}
  func run() throws -> Int32 { 0 }
}
