extension DaemonConfiguration {
  /// What each key allows, but not all of them together: (the key to look at, what is wrong).
  var contradictions: [(path: String, message: String)] {
    var found = securityContradictions
    if !kafka.topic.isEmpty && deadLetters.topic == kafka.topic {
      found.append(
        (
          "dead_letters.topic",
          "is kafka.topic itself: bad records would be read again and again; name another topic, or none"
        ))
    }
    if let ignored = ignoredSecurity { found.append(ignored) }
    return found
  }

  /// librdkafka ignores SASL and TLS settings silently while the protocol does not use them, and speaks in clear text.
  private var ignoredSecurity: (path: String, message: String)? {
    // A broker may name its own protocol.
    if kafka.brokers.contains("://") { return nil }
    let security = (kafka.properties["security.protocol"] ?? "plaintext").lowercased()
    for (prefix, mark, protocols) in [
      ("sasl.", "sasl", "sasl_ssl or sasl_plaintext"), ("ssl.", "ssl", "ssl or sasl_ssl"),
    ] {
      guard let property = kafka.properties.all.first(where: { $0.name.hasPrefix(prefix) }), !security.contains(mark)
      else { continue }
      return (
        "kafka.properties.\(property.name)",
        "has no effect while kafka.properties.security.protocol is \(quoted(security)): set it to \(protocols)"
      )
    }
    return nil
  }
}
