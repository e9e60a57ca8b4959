import Network

/// A method of a service, as clients name it.
public struct GRPCMethod: Sendable {
  public enum Kind: Sendable {
    /// One message each way.
    case unary
    /// One message in, and as many out as there is something to tell.
    case serverStreaming
    /// Messages in, each answered by messages out.
    case bidirectional
  }

  /// `/package.Service/Method`
  public let path: StaticString
  public let kind: Kind
  /// Whether it is answered without credentials, as load balancers ask for health.
  public let isOpen: Bool

  public init(_ path: StaticString, _ kind: Kind = .unary, isOpen: Bool = false) {
    self.path = path
    self.kind = kind
    self.isOpen = isOpen
  }
}

/// What answers the calls of a service. One object per network loop, called on its thread only, so that it may keep memory to reuse.
///
/// A class to derive from rather than a protocol, so that calls need no existential.
open class GRPCService {
  public let methods: [GRPCMethod]

  public init(methods: [GRPCMethod]) { self.methods = methods }

  /// Called once, before the first call: `dialer` opens connections on the service's loop.
  open func started(_ dialer: Dialer) {}

  /// Answers a message: writes into the call, fails it, or puts the answer off (`GRPCCall.deferReply`, `keepOpen`). Other connections of the
  /// loop wait meanwhile. `method` is the index in `methods`.
  open func respond(to call: GRPCCall, method: Int) {}

  /// A call that is kept open may be told of changes: every `GRPCLimits.watch_ms`, and when the server begins to drain.
  open func update(_ call: GRPCCall, method: Int) {}
}
