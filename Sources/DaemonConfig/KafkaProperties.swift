/// librdkafka's own properties, passed through: names and values as librdkafka spells them, in order of name.
///
/// Printing the value, reflection included, never shows a secret.
public struct KafkaProperties: Equatable, Sendable {
  public struct Property: Equatable, Sendable {
    public let name: String
    public let value: String

    /// The value as it may be printed.
    public var printedValue: String { isSecret ? KafkaProperties.redacted : value }

    /// An empty value hides nothing.
    public var isSecret: Bool { !value.isEmpty && KafkaProperties.isSecret(name) }
  }

  public private(set) var all: [Property] = []

  public init() {}

  public subscript(name: String) -> String? {
    get { all.first { $0.name == name }?.value }
    set {
      all.removeAll { $0.name == name }
      guard let newValue else { return }
      let place = all.firstIndex { $0.name > name } ?? all.endIndex
      all.insert(Property(name: name, value: newValue), at: place)
    }
  }

  /// Stands for a secret wherever one would be printed.
  public static let redacted = "<redacted>"

  /// Properties of librdkafka 2.0.2 (CONFIGURATION.md) and its plugins that hold secrets, by what their names have in common; one
  /// too many costs a look into the file, one too few a password.
  public static func isSecret(_ name: String) -> Bool {
    let name = name.lowercased()
    let marks = [
      "password", "passwd", "secret", "token", "credential", "private", "key.pem", "ssl_key", "ssl.key.bytes", "jaas",
      "oauthbearer.config", "api.key", "apikey",
    ]
    return marks.contains { name.contains($0) }
  }
}

extension KafkaProperties: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "\(all)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror {
    Mirror(self, children: all.map { (label: $0.name, value: $0.printedValue) }, displayStyle: .dictionary)
  }
}

extension KafkaProperties.Property: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "\(name)=\(printedValue)" }
  public var debugDescription: String { description }
  public var customMirror: Mirror { Mirror(self, children: ["name": name, "value": printedValue]) }
}

extension KafkaProperties {
  /// Why a property is refused, or nil. Never quotes the value.
  static func refusal(name: String, value: String) -> String? {
    if !isWellFormed(name) { return "a property's name is 1 to 255 letters, digits, '.', '_' and '-'" }
    if let reason = owned[name.lowercased()] { return reason }
    if name.hasSuffix("_cb") || name == "opaque" { return "is a function of the program, not a setting" }
    if value == redacted { return "is \(redacted): a printed configuration holds no secrets, set the real value" }
    if value.unicodeScalars.contains("\0") { return "holds a NUL character" }
    if value.utf8.count > 65_536 { return "is longer than 65536 bytes" }
    return nil
  }

  static func isWellFormed(_ name: String) -> Bool {
    (1...255).contains(name.utf8.count) && name.utf8.allSatisfy(isNameByte)
  }

  static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 48...57, 65...90, 97...122, UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
    default: false
    }
  }

  /// What the daemon's correctness rests on (DESIGN.md section 6) or has a key of its own, with librdkafka's aliases.
  private static let owned: [String: String] = [
    "bootstrap.servers": "is set by kafka.brokers",
    "metadata.broker.list": "is set by kafka.brokers",
    "group.id": "is set by kafka.group",
    "client.id": "is the instance's address: set http.advertise",
    "partitioner": "is set by kafka.partitioner",
    "enable.auto.commit": "is the daemon's: it commits what its state holds, nothing else",
    "auto.commit.enable": "is the daemon's: it commits what its state holds, nothing else",
    "enable.auto.offset.store": "is the daemon's: offsets are stored with the state",
    "auto.offset.reset": "is the daemon's: always 'error', so that lost history is seen and never skipped",
    "enable.partition.eof": "is the daemon's: a partition's end tells when it is ready",
    "partition.assignment.strategy": "is the daemon's: cooperative-sticky, so that a rebalance moves few partitions",
  ]
}
