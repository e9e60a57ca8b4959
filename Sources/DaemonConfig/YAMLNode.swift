/// A piece of a YAML file, and where it stood.
struct YAMLNode {
  indirect enum Content {
    /// `isPlain`: written without quotes, so that `true`, `5` and `null` mean more than their letters.
    case scalar(String, isPlain: Bool)
    case list([YAMLNode])
    case map([Entry])
    /// Something that has been reported already, such as an alias.
    case refused
  }

  struct Entry {
    let name: String
    let origin: Origin
    var value: YAMLNode
  }

  var content: Content
  let origin: Origin

  /// Left empty, `~` or `null`: as if the key were not there.
  var isNull: Bool {
    guard case .scalar(let text, isPlain: true) = content else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  /// What a message says of it. Only for nodes that hold no secret.
  var found: String {
    switch content {
    case .scalar(let text, isPlain: true): isNull ? "nothing" : quoted(text)
    case .scalar(let text, isPlain: false): "the text \(quoted(text))"
    default: kind
    }
  }

  /// What it is, without its value.
  var kind: String {
    switch content {
    case .scalar: "a single value"
    case .list: "a list"
    case .map: "a map"
    case .refused: "something else"
    }
  }
}
