import CommandLineArguments
import DaemonConfig

/// `interestd config check`
struct ConfigCheckCommand {
  private let arguments: ParsedArguments

  init(_ arguments: ParsedArguments) { self.arguments = arguments }

  func run() throws -> Int32 {
    let configuration = try DaemonConfiguration.load(arguments)
    try Security.check(configuration)
    if arguments.flag("json") {
      print(configuration.effectiveJSON)
    } else {
      print(configuration.effectiveYAML, terminator: "")
    }
    return 0
  }
}

/// `interestd config example`
struct ConfigExampleCommand {
  func run() -> Int32 {
    print(DaemonConfiguration.exampleYAML, terminator: "")
    return 0
  }
}
