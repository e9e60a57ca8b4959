extension DaemonConfiguration {
  /// Checks a tree whose properties were set one by one.
  public func validate() throws(ConfigurationError) {
    var problems = Problems(file: "")
    for key in Schema.keys {
      for (suffix, message) in key.refusals(self) { problems.add(key.path + suffix, at: .program, message) }
    }
    for (path, message) in contradictions { problems.add(path, at: .program, message) }
    try problems.throwIfAny()
  }

  /// What a command cannot do without, although the file may leave it out for a flag to give.
  public enum Need: String, CaseIterable, Sendable {
    case stateDirectory = "state.directory"
    case clusterMap = "cluster_map"
    case brokers = "kafka.brokers"
    case topic = "kafka.topic"

    var flag: String {
      switch self {
      case .stateDirectory: "--state"
      case .clusterMap: "--cluster-map"
      case .brokers: "--brokers"
      case .topic: "--topic"
      }
    }
  }

  /// Refuses a tree in which something needed is not set.
  public func require(_ needs: [Need]) throws(ConfigurationError) {
    var problems = Problems(file: "")
    for key in Schema.keys {
      guard let need = needs.first(where: { $0.rawValue == key.path }), case .text("") = key.printed(self) else {
        continue
      }
      problems.add(key.path, at: .program, "is not set: give \(need.flag), the key, or \(key.environmentName)")
    }
    try problems.throwIfAny()
  }
}
