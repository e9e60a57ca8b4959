import Glibc

/// How an input's bytes are cut into records, told by the ending of its name.
public struct InputFormat: Sendable, Hashable {
  public enum Framing: Sendable {
    /// JSON, one record a line.
    case lines
    /// Protobuf, each message behind its length as a varint.
    case lengths
  }

  public let framing: Framing
  public let isCompressed: Bool

  /// Of names, in the order that messages list them.
  private static let endings: [(ending: String, format: InputFormat)] = [
    (".jsonl", .init(framing: .lines, isCompressed: false)), (".jsonl.gz", .init(framing: .lines, isCompressed: true)),
    (".binpb", .init(framing: .lengths, isCompressed: false)),
    (".binpb.gz", .init(framing: .lengths, isCompressed: true)),
  ]

  init(name: String) throws(InputError) {
    guard let known = Self.endings.first(where: { name.hasSuffix($0.ending) }) else {
      throw InputError(
        .unknownFormat, name, "its name does not tell the format",
        hint: "use \(Self.endings.map(\.ending).joined(separator: ", ")), or - for JSON lines on standard input")
    }
    self = known.format
  }

  private init(framing: Framing, isCompressed: Bool) {
    self.framing = framing
    self.isCompressed = isCompressed
  }

  static let standardInput = InputFormat(framing: .lines, isCompressed: false)
}

/// One of a command's inputs: a file, or JSON lines on standard input.
public struct Input: Sendable, Hashable {
  /// For messages: as it was given.
  public let name: String
  public let format: InputFormat
  /// Under which it is remembered how far the input was read: the absolute path of a file without symbolic links, or the name
  /// given to standard input; nil for standard input without one, which is new each time.
  public let identity: String?
  let location: Location

  enum Location: Hashable {
    case path(String)
    case descriptor(Int32)
  }

  /// - Parameters:
  ///   - argument: A path, or `-`.
  ///   - standardInputName: The identity of `-` (`--input-name`).
  public init(_ argument: String, standardInputName: String? = nil) throws(InputError) {
    if argument == "-" {
      self = try .standardInput(named: standardInputName)
      return
    }
    format = try InputFormat(name: argument)
    guard let resolved = realpath(argument, nil) else { throw .system(argument, "resolving its path", errno) }
    defer { free(resolved) }
    name = argument
    identity = String(cString: resolved)
    location = .path(String(cString: resolved))
  }

  /// JSON lines from an open descriptor, which stays the caller's.
  public static func standardInput(named name: String? = nil, descriptor: Int32 = STDIN_FILENO) throws(InputError)
    -> Input
  {
    if name == "" {
      throw InputError(.unknownFormat, "-", "its name is empty", hint: "give --input-name a name, or leave it out")
    }
    return Input(name: "-", format: .standardInput, identity: name, location: .descriptor(descriptor))
  }

  private init(name: String, format: InputFormat, identity: String?, location: Location) {
    self.name = name
    self.format = format
    self.identity = identity
    self.location = location
  }
}
