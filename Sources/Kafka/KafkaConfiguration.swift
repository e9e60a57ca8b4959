internal import CRdKafka

/// librdkafka's properties (its CONFIGURATION.md) in the order given; of equal names the last counts.
public struct KafkaConfiguration: Equatable, Sendable, CustomStringConvertible {
  public struct Property: Equatable, Sendable {
    public let name: String
    public let value: String
  }

  public private(set) var properties: [Property]

  public init(_ properties: [(name: String, value: String)] = []) {
    self.properties = properties.map { Property(name: $0.name, value: $0.value) }
  }

  public mutating func set(_ name: String, _ value: String) { properties.append(Property(name: name, value: value)) }

  /// The value that counts.
  public subscript(name: String) -> String? { properties.last { $0.name == name }?.value }

  /// Whether values of a property are never shown.
  public static func isSecret(_ name: String) -> Bool {
    let name = name.lowercased()
    return ["password", "secret", "token", "key.pem", "jaas"].contains { name.contains($0) }
  }

  /// For people and logs: `name=value` by commas, secrets as `[hidden]`.
  public var description: String {
    properties.map { "\($0.name)=\(Self.isSecret($0.name) ? "[hidden]" : $0.value)" }.joined(separator: ", ")
  }

  /// Tells a wrong name or value before anything is started.
  public func validate() throws(KafkaError) { rd_kafka_conf_destroy(try make()) }

  /// A new `rd_kafka_conf_t` that the caller owns, with `defaults` under the properties, and `optional` ones where they are known.
  func make(
    defaults: [(String, String)] = [], optional: [(String, String)] = []
  ) throws(KafkaError) -> OpaquePointer {
    let configuration = rd_kafka_conf_new().unsafelyUnwrapped  // librdkafka aborts where memory is out
    for (name, value) in optional { _ = rd_kafka_conf_set(configuration, name, value, nil, 0) }
    do throws(KafkaError) {
      for (name, value) in defaults { try Self.apply(name, value, to: configuration) }
      for property in properties { try Self.apply(property.name, property.value, to: configuration) }
    } catch {
      rd_kafka_conf_destroy(configuration)
      throw error
    }
    return configuration
  }

  private static func apply(_ name: String, _ value: String, to configuration: OpaquePointer) throws(KafkaError) {
    let (code, message) = withErrorText { rd_kafka_conf_set(configuration, name, value, $0, $1) }
    if code == RD_KAFKA_CONF_OK { return }
    let operation = "set librdkafka's property '\(name)'"
    if code == RD_KAFKA_CONF_UNKNOWN {
      throw KafkaError(
        RD_KAFKA_RESP_ERR__INVALID_ARG, operation, message: message,
        hint: "the names are those of librdkafka's CONFIGURATION.md")
    }
    // librdkafka quotes the value.
    throw KafkaError(
      RD_KAFKA_RESP_ERR__INVALID_ARG, operation, message: isSecret(name) ? "its value is not acceptable" : message,
      hint: "librdkafka's CONFIGURATION.md has the range of each property")
  }
}

/// Calls with room for librdkafka's error text, and returns that text beside the result.
func withErrorText<Result>(_ body: (UnsafeMutablePointer<CChar>, Int) -> Result) -> (Result, String) {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 512) { text in
    let base = text.baseAddress.unsafelyUnwrapped  // 512 bytes are never null
    base.pointee = 0
    let result = body(base, text.count)
    return (result, String(cString: base))
  }
}
