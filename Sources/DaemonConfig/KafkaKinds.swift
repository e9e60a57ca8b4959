extension Kind where Value == String {
  /// `host:port,...`, each with an optional `PROTOCOL://` as librdkafka reads it; or empty.
  static var brokers: Kind {
    .text("brokers as host:port,host:port") { text in
      text.utf8.count <= 4095
        && (text.isEmpty || text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy(isBroker))
    }
  }

  /// A topic's name, short enough for the dead letters' suffix; or empty. Kafka allows 249 letters (`Topic.java`).
  static var topic: Kind {
    .text("a topic: at most 244 letters, digits, '.', '_' and '-'") { text in
      text.utf8.count <= 244 && text != "." && text != ".." && text.utf8.allSatisfy(KafkaProperties.isNameByte)
    }
  }

  /// Without room for a suffix.
  static var deadLetterTopic: Kind {
    .text("a topic: at most 249 letters, digits, '.', '_' and '-'") { text in
      text.utf8.count <= 249 && text != "." && text != ".." && text.utf8.allSatisfy(KafkaProperties.isNameByte)
    }
  }

  /// Where a server is reached: `host:port`, or empty.
  static var advertised: Kind {
    .text("host:port with a port from 1 to 65535, as in 10.0.0.5:8080 or ranker-3.example:8080; or nothing") { text in
      text.isEmpty || !text.contains("%") && ListenAddress(text).map { $0.port > 0 } ?? false
    }
  }

  static var listen: Kind {
    .text("host:port with a port up to 65535, as in 127.0.0.1:8080 or [::1]:8080") { ListenAddress($0) != nil }
  }
}

private func isBroker(_ text: Substring) -> Bool {
  let trimmed = text.drop { $0 == " " }
  let parts = trimmed.split(separator: "://", omittingEmptySubsequences: false)
  guard let host = parts.last, parts.count <= 2, !host.isEmpty, !host.contains(" ") else { return false }
  // Without a port librdkafka takes 9092.
  if !host.contains(":") || host.hasSuffix("]") { return true }
  guard let address = ListenAddress(String(host)) else { return false }
  return address.port > 0
}

extension Kind where Value == KafkaProperties {
  /// A map of names to scalars. No message quotes a value, for any of them may be a secret.
  static var properties: Kind {
    let need = "a map of librdkafka's properties"
    return Kind(
      need: need,
      read: { node, path, problems in
        guard case .map(let entries) = node.content else {
          if case .refused = node.content { return nil }
          problems.add(path, at: node.origin, "needs \(need), not \(node.kind)")
          return nil
        }
        var properties = KafkaProperties()
        for entry in entries {
          let place = "\(path).\(printedName(entry.name))"
          guard case .scalar(let value, _) = entry.value.content else {
            if case .refused = entry.value.content { continue }
            problems.add(place, at: entry.value.origin, "needs a single value, not \(entry.value.kind)")
            continue
          }
          if entry.value.isNull {
            problems.add(place, at: entry.value.origin, "has no value: write \"\" for an empty one")
          } else if let refusal = KafkaProperties.refusal(name: entry.name, value: value) {
            problems.add(place, at: entry.origin, refusal)
          } else {
            properties[entry.name] = value
          }
        }
        return properties
      },
      refusals: { properties in
        properties.all.compactMap { property in
          KafkaProperties.refusal(name: property.name, value: property.value)
            .map { (".\(printedName(property.name))", $0) }
        }
      },
      printed: { .map($0.all.map { ($0.name, .text($0.printedValue)) }) })
  }
}
