import CommandLineArguments
import DaemonConfig
import Glibc
import Ingest
import InterestStore
import Lookup
import Network

@main
struct Main {
  static func main() {
    OpenFiles.raiseLimit()
    do {
      switch try program.parse(CommandLine.arguments.dropFirst()) {
      case .help(let text), .version(let text): print(text, terminator: text.hasSuffix("\n") ? "" : "\n")
      case .run(let arguments): exit(try run(arguments))
      }
    } catch let error as UsageError {
      Terminal.complain("\(error)")
      exit(error.exitCode)
    } catch {
      Terminal.complain("\(error)")
      exit(1)
    }
  }

  private static func run(_ arguments: ParsedArguments) throws -> Int32 {
    switch arguments.command.name {
    case "ingest": try IngestCommand(arguments).run()
    case "run": try RunCommand(arguments).run()
    case "serve": try ServeCommand(arguments).run()
    case "lookup": try LookupCommand(arguments).run()
    case "dump": try DumpCommand(arguments).run()
    case "produce": try ProduceCommand(arguments).run()
    case "redrive": try RedriveCommand(arguments).run()
    case "erase": try EraseCommand(arguments).run()
    case "synth": try SynthCommand(arguments).run()
    case "bench ingest": try BenchIngestCommand(arguments).run()
    case "bench lookup": try BenchLookupCommand(arguments).run()
    case "config example": ConfigExampleCommand().run()
    default: try ConfigCheckCommand(arguments).run()
    }
  }
}
