internal import Glibc

extension DaemonConfiguration {
  /// Longest file that is read.
  public static var maximumFileBytes: Int { 1 << 20 }

  /// Reads a configuration file, with the overrides of `environment` (see `Environment`).
  public static func load(path: String, environment: [String: String]) throws(ConfigurationError) -> DaemonConfiguration
  {
    try parse(bytes: try contents(of: path), file: path, environment: environment)
  }

  /// Reads a configuration from its text; `file` names it in errors.
  public static func parse(
    yaml text: String, file: String, environment: [String: String] = [:]
  ) throws(ConfigurationError) -> DaemonConfiguration {
    try parse(bytes: Array(text.utf8), file: file, environment: environment)
  }

  /// Reads a configuration from bytes that may be anything.
  public static func parse(
    bytes: [UInt8], file: String, environment: [String: String] = [:]
  ) throws(ConfigurationError) -> DaemonConfiguration {
    var problems = Problems(file: file)
    return try decode(bytes, environment, &problems)
  }

  /// The defaults, a file over them where one is named, the environment over both: for a command whose state knows its behaviors, so that
  /// the file need not have any. `behaviors` of the result mean nothing.
  public static func loadForState(
    path: String?, environment: [String: String]
  ) throws(ConfigurationError) -> DaemonConfiguration {
    var problems = Problems(file: path ?? "defaults")
    let bytes = try path.map(contents) ?? []
    return try decode(bytes, needsBehaviors: false, environment, &problems)
  }

  private static func decode(
    _ bytes: [UInt8], needsBehaviors: Bool = true, _ environment: [String: String], _ problems: inout Problems
  ) throws(ConfigurationError) -> DaemonConfiguration {
    if bytes.count > maximumFileBytes {
      problems.add("", at: .file, "is longer than \(maximumFileBytes) bytes: is it a configuration?")
      try problems.throwIfAny()
    }
    let file = YAMLReader.read(bytes, &problems)
    // What is not YAML has no keys: none of them is missing.
    if file == nil { try problems.throwIfAny() }
    let root = Environment.override(file, environment, &problems)
    var decoder = Decoder(DaemonConfiguration(behaviors: ExampleFile.catalog))
    decoder.decode(root, &problems)
    if needsBehaviors, decoder.origins["behaviors"] == nil, decoder.isMap {
      problems.add("behaviors", at: .file, "is missing: needs \(Schema.keys[0].need)")
    }
    for (path, message) in decoder.configuration.contradictions {
      problems.add(path, at: decoder.origin(of: path), message)
    }
    try problems.throwIfAny()
    return decoder.configuration
  }

  /// At most one byte more than a configuration may have.
  private static func contents(of path: String) throws(ConfigurationError) -> [UInt8] {
    func failure(_ code: Int32) -> ConfigurationError {
      let message = "cannot be read: \(String(cString: strerror(code)).lowercased())"
      return ConfigurationError(problems: [.init(location: path, path: "", message: message)], omitted: 0)
    }
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 { throw failure(errno) }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: maximumFileBytes + 1)
    var count = 0
    while count < bytes.count {
      let read = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + count, $0.count - count) }
      if read < 0 && errno == EINTR { continue }
      if read < 0 { throw failure(errno) }
      if read == 0 { break }
      count += read
    }
    return Array(bytes.prefix(count))
  }
}
