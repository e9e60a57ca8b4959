import InterestCodec
import RESP

/// The commands, by what they are called and what they ask for.
extension SequenceCommands {
  enum Verb: Int, CaseIterable {
    case get, mget, exists, strlen, type, ttl, pttl, sequence, groups, describe
  }
}

extension SequenceCommands.Verb {
  /// What is asked of the store for a command that takes no options.
  var query: SequenceQuery {
    switch self {
    // Whether a user is there shows without any of its groups.
    case .exists, .type, .ttl, .pttl: SequenceQuery(groups: 0, behaviors: 0, fields: .events)
    default: SequenceQuery()
    }
  }

  /// Writes the reply of a command that does not answer values.
  ///
  /// - Parameter total: How many of the users are known, or for STRLEN the bytes of the value.
  func write(_ total: Int, _ reply: inout RESPReply) {
    switch self {
    case .type: reply.status(total > 0 ? "string" : "none")
    // As of keys without an end, and of keys that are not there.
    case .ttl, .pttl: reply.integer(total > 0 ? -1 : -2)
    default: reply.integer(total)
    }
  }

  /// How the command is written, for who has written it otherwise.
  var syntax: String {
    let options =
      "[GROUPS n] [BEHAVIORS n] [ORDER recency|frequency] [ASOF time] [FIELDS a,b] [GENERATION n] [FORMAT protobuf|json]"
    return switch self {
    case .get, .strlen, .type, .ttl, .pttl: "\(spec.name) user"
    case .mget, .exists: "\(spec.name) user [user ...]"
    case .sequence: "INTEREST.SEQUENCE user \(options)"
    case .groups: "INTEREST.GROUPS user \(options) SHOPS shop [shop ...]"
    case .describe: "INTEREST.DESCRIBE [FORMAT protobuf|json]"
    }
  }

  var spec: RESPCommandSpec {
    func make(
      _ name: StaticString, _ arity: Int, keys: (first: Int, last: Int, step: Int), group: StaticString = "string",
      _ summary: StaticString
    ) -> RESPCommandSpec {
      RESPCommandSpec(name, arity: arity, keys: keys, verb: rawValue, group: group, summary)
    }
    return switch self {
    case .get: make("get", 2, keys: (1, 1, 1), "Returns a user's group sequence, serialized.")
    case .mget: make("mget", -2, keys: (1, -1, 1), "Returns the group sequences of at most 1000 users.")
    case .exists: make("exists", -2, keys: (1, -1, 1), group: "generic", "Returns how many of the users are known.")
    case .strlen: make("strlen", 2, keys: (1, 1, 1), "Returns the length of a user's value.")
    case .type:
      make("type", 2, keys: (1, 1, 1), group: "generic", "Returns string, or none where the user is not known.")
    case .ttl, .pttl:
      make(
        self == .ttl ? "ttl" : "pttl", 2, keys: (1, 1, 1), group: "generic",
        "Returns -1, as users have no end, or -2 where the user is not known.")
    case .sequence:
      make(
        "interest.sequence", -2, keys: (1, 1, 1), group: "module",
        """
        Returns a user's group sequence, by GROUPS n, BEHAVIORS n, ORDER recency|frequency, ASOF time, FIELDS a,b, \
        GENERATION n, FORMAT protobuf|json.
        """)
    case .groups:
      // One more is needed; who leaves SHOPS away is told the syntax rather than that.
      make(
        "interest.groups", -3, keys: (1, 1, 1), group: "module",
        "Returns the groups of given shops that a user has, by the options of INTEREST.SEQUENCE, then SHOPS shop...")
    case .describe:
      make("interest.describe", -1, keys: (0, 0, 0), group: "module", "Returns what is served: types, windows, limits.")
    }
  }
}
