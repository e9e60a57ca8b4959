import Bytes
import Glibc
import Threads

/// Lines about what happens, on stderr: one write(2) each, from any thread. Nothing logs per event or per request.
///
///     time=2026-01-02T03:04:05.678Z level=info message=listening address=127.0.0.1:8080
///     {"time":"2026-01-02T03:04:05.678Z","level":"info","message":"listening","address":"127.0.0.1:8080"}
public final class Log: @unchecked Sendable {  // the line is only touched under `mutex`
  public typealias Fields = KeyValuePairs<StaticString, any LogValue>

  /// What a level is for; a log writes its own level and those above it.
  public enum Level: Int, Sendable, Comparable, CaseIterable {
    /// Something is lost, refused or stopped, and a person should look.
    case error
    /// It goes on, but not as it should.
    case warn
    /// What an operator wants to know about a healthy process: starts, stops, changes of state.
    case info
    /// For developers.
    case debug

    public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

    public var name: String { String(describing: self) }

    /// By its name.
    public init?(name: String) {
      guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
      self = level
    }
  }

  public enum Format: String, Sendable, CaseIterable { case logfmt, json }

  public let level: Level
  public let format: Format
  private let descriptor: Int32
  private let clock_ms: @Sendable () -> Int64
  private let mutex = Mutex()
  private var line = ByteBuffer(capacity: 1024)

  /// - Parameters:
  ///   - descriptor: where lines go; it stays the caller's.
  ///   - clock_ms: Unix milliseconds.
  public init(
    level: Level = .info, format: Format = .logfmt, descriptor: Int32 = STDERR_FILENO,
    clock_ms: @escaping @Sendable () -> Int64 = { WallClock.now_ms }
  ) {
    self.level = level
    self.format = format
    self.descriptor = descriptor
    self.clock_ms = clock_ms
  }

  public func error(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
    write(.error, message(), fields())
  }

  public func warn(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
    if level >= .warn { write(.warn, message(), fields()) }
  }

  /// The arguments are not evaluated where the level is off; here as in the others.
  public func info(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
    if level >= .info { write(.info, message(), fields()) }
  }

  public func debug(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> Fields = [:]) {
    if level >= .debug { write(.debug, message(), fields()) }
  }

  private func write(_ level: Level, _ message: String, _ fields: Fields) {
    mutex.withLock {
      line.clear()
      var writer = LogLine(format: format, time_ms: clock_ms(), level: level.name, message: message, into: &line)
      for (key, value) in fields { writer.append(key, value.logged, into: &line) }
      writer.end(&line)
      send()
      line.clear()
      line.shrink(to: 64 * 1024)
    }
  }

  /// A line that cannot be written is lost: there is nowhere to say so.
  private func send() {
    var rest = line.bytes[...]
    while !rest.isEmpty {
      let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}
