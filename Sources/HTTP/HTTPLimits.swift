/// What one HTTP request may use.
public struct HTTPLimits: Sendable {
  /// The request line, all header lines and the empty line. Above it a request is answered with 414 or 431. It must be below
  /// `NetworkLimits.input_bytes`.
  public var header_bytes = 16 * 1024
  /// A request's body, without the framing of chunks. Above it: 413.
  public var body_bytes = 256 * 1024
  /// Bodies of all requests of a loop that are not complete. Above it: 503.
  public var bodies_bytes = 32 << 20
  /// For so long after a drain has begun, connections without a request are kept: one that is on its way is answered, and told that it is
  /// the last.
  public var lastRequest_ms = 300

  public init() {}
}
