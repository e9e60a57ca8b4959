import Foundation
import Glibc

/// A process in a group of its own, with its output in files: nothing has to be read for it to go on. It is killed when nobody holds
/// it any more, and when the tests' own process ends, however that ends.
public final class Command: @unchecked Sendable {  // `status` is guarded by `lock`, all else is constant
  public let processID: pid_t
  public let line: String
  private let folder = TemporaryDirectory()
  private let lock = NSLock()
  private var status: Int32?

  /// What a process that has ended left.
  public struct Outcome: CustomStringConvertible {
    /// Its exit code, or 128 + the signal that ended it, as shells have it.
    public let code: Int32
    public let output: Data
    public let error: String

    public var text: String { String(decoding: output, as: UTF8.self) }
    public var lines: [String] { text.split(separator: "\n").map(String.init) }

    public var description: String {
      "exit code \(code)\n--- stdout\n\(text.prefix(4000))\n--- stderr\n\(error.suffix(4000))"
    }
  }

  /// A command, or what it was to do, failed where a test cannot go on.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String

    public init(description: String) { self.description = description }
  }

  /// - Parameters:
  ///   - environment: Over that of the tests; nil removes a variable.
  ///   - input: A file for standard input; without one there is none.
  ///   - output: A file for standard output instead of one that goes with the command.
  public init(
    _ executable: String, _ arguments: [String], environment: [String: String?] = [:], input: String? = nil,
    output: String? = nil
  ) throws {
    let reaper = Reaper.shared  // made before there is a process that could inherit its pipe
    line = ([executable] + arguments).joined(separator: " ")
    outputPath = output ?? folder.file("stdout")
    errorPath = folder.file("stderr")
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, input ?? "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    posix_spawn_file_actions_addopen(&actions, 2, errorPath, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    Self.closeOthers(&actions)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // As a shell starts it: no signal blocked or ignored, a group of its own.
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var variables = ProcessInfo.processInfo.environment
    for (name, value) in environment { variables[name] = value }
    processID = try Self.spawn(executable, arguments, variables, &actions, &attributes)
    reaper.add(processID)
  }

  /// Descriptors that the tests opened without O_CLOEXEC are none of the command's.
  static func closeOthers(_ actions: inout posix_spawn_file_actions_t) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    for descriptor in names.compactMap({ Int32($0) }) where descriptor > 2 {
      posix_spawn_file_actions_addclose(&actions, descriptor)
    }
  }

  private static func spawn(
    _ executable: String, _ arguments: [String], _ variables: [String: String],
    _ actions: inout posix_spawn_file_actions_t, _ attributes: inout posix_spawnattr_t
  ) throws -> pid_t {
    let words = ([executable] + arguments).map { strdup($0) } + [nil]
    let environment = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in words + environment { free(text) } }
    var pid = pid_t()
    let code = posix_spawnp(&pid, executable, &actions, &attributes, words, environment)
    guard code == 0 else { throw Failure(description: "cannot run \(executable): \(String(cString: strerror(code)))") }
    return pid
  }

  deinit { kill() }

  private let outputPath: String
  private let errorPath: String

  /// Standard output so far.
  public var output: Data { FileManager.default.contents(atPath: outputPath) ?? Data() }
  /// Standard error so far.
  public var error: String {
    String(decoding: FileManager.default.contents(atPath: errorPath) ?? Data(), as: UTF8.self)
  }

  /// Whether it has not ended.
  public var isRunning: Bool { exitStatus() == nil }

  /// To the process alone.
  public func send(_ signal: Int32) {
    lock.withLock {
      // Once it is reaped the number may be another process's.
      if status == nil { Glibc.kill(processID, signal) }
    }
  }

  /// SIGKILL to it and all that it started; returns when it is gone.
  public func kill() {
    lock.withLock {
      guard status == nil else { return }
      Glibc.kill(-processID, SIGKILL)
      var raw: Int32 = 0
      while waitpid(processID, &raw, 0) < 0 && errno == EINTR {}
      end(raw)
    }
  }

  /// Waits for its end. Where `seconds` pass before that, it is killed, and the error has what it printed.
  @discardableResult
  public func wait(within seconds: Double = 60) throws -> Outcome {
    let ended = eventually(within: seconds) { !isRunning }
    if !ended { kill() }
    let outcome = Outcome(code: exitStatus() ?? -1, output: output, error: error)
    if !ended { throw Failure(description: "'\(line)' did not end within \(seconds) s: \(outcome)") }
    return outcome
  }

  private func exitStatus() -> Int32? {
    lock.withLock {
      if let status { return status }
      var raw: Int32 = 0
      if waitpid(processID, &raw, WNOHANG) == processID { end(raw) }
      return status
    }
  }

  /// Under the lock. `raw` is waitpid(2)'s: the low seven bits are the signal, or 0 and the next byte is the exit code.
  private func end(_ raw: Int32) {
    status = raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + raw & 0x7F
    Reaper.shared.remove(processID)
  }
}
