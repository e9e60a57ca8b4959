/// Everything that is wrong with a configuration, as far as it was told apart: one problem a line, in the file's order, at most
/// `maximumProblems`. Values of secrets are never quoted.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  public struct Problem: Equatable, Sendable, CustomStringConvertible {
    /// Where it was read: `file:line`, an environment variable's name, or empty where it was set by other means.
    public let location: String
    /// The key, as in `kafka.brokers` or `behaviors[2].code`; empty where it is the whole file.
    public let path: String
    /// What is wrong and what would be right.
    public let message: String

    public var description: String { [location, path, message].filter { !$0.isEmpty }.joined(separator: ": ") }
  }

  public let problems: [Problem]
  /// How many more there are than `problems` holds.
  public let omitted: Int

  public static var maximumProblems: Int { 20 }

  public var description: String {
    let lines = problems.map(\.description) + (omitted > 0 ? ["and \(omitted) more"] : [])
    return lines.joined(separator: "\n")
  }
}

/// Problems as they are found.
struct Problems {
  /// The file's name, for locations.
  let file: String
  private var found: [(order: Int, problem: ConfigurationError.Problem)] = []
  private var omitted = 0

  init(file: String) { self.file = file }

  mutating func add(_ path: String, at origin: Origin, _ message: String) {
    guard found.count < ConfigurationError.maximumProblems else {
      omitted += 1
      return
    }
    found.append((origin.order, .init(location: origin.location(in: file), path: path, message: message)))
  }

  func throwIfAny() throws(ConfigurationError) {
    if found.isEmpty { return }
    // By line; the environment after the file. Equal ones stay as they were found.
    let sorted = found.enumerated().sorted { ($0.element.order, $0.offset) < ($1.element.order, $1.offset) }
    throw ConfigurationError(problems: sorted.map(\.element.problem), omitted: omitted)
  }
}

/// Where a value was written.
enum Origin: Equatable, Sendable {
  /// From 1.
  case line(Int)
  case file
  case environment(String)
  /// Set by the program.
  case program

  func location(in file: String) -> String {
    switch self {
    case .line(let line): "\(file):\(line)"
    case .file: file
    case .environment(let name): name
    case .program: ""
    }
  }

  var order: Int {
    switch self {
    case .line(let line): line
    case .file: 0
    case .environment, .program: .max
    }
  }
}

/// What somebody wrote, fit for one line of a message: quotes around it, control characters replaced, at most 60 characters.
func quoted(_ text: String) -> String {
  let visible = text.unicodeScalars.prefix(60).map { scalar in
    switch scalar.properties.generalCategory {
    case .control, .lineSeparator, .paragraphSeparator, .format: Character("?")
    default: Character(scalar)
    }
  }
  return "'\(String(visible))\(text.unicodeScalars.count > 60 ? "..." : "")'"
}
