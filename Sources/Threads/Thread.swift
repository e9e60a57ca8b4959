internal import CLinux
import Glibc

/// How a thread shares the processors with the others.
public enum Scheduling: Sendable {
  case normal
  /// It works for a moment at a time and somebody waits for it: its turns come before others' and are short (Linux 6.12 and later; before,
  /// the system guesses from its sleeping). Where it is allowed to (CAP_SYS_NICE, or RLIMIT_NICE of 30) it has several times the share of
  /// another thread, too, because a share like any other's is used up by an ordinary load, and what comes then waits for many
  /// milliseconds. Only several times: where such threads never rest, the others go on.
  case prompt

  private static let slice_ns: UInt64 = 100_000
  /// Each level is a quarter more (sched(7)).
  private static let levels: Int32 = 10

  func apply() {
    guard self == .prompt else { return }
    let niceness = interestd_niceness()
    if interestd_set_turns(max(niceness - Self.levels, -20), Self.slice_ns) == 0 { return }
    // Where the system refuses this as well, the thread is like any other.
    _ = interestd_set_turns(niceness, Self.slice_ns)
  }
}

/// An operating system's thread with a name (15 bytes at most are kept), joined by whoever started it.
public struct Thread: ~Copyable, @unchecked Sendable {  // pthread_t may be joined from any thread, once
  private let handle: pthread_t

  private final class Body {
    let name: String
    let scheduling: Scheduling
    let run: @Sendable () -> Void

    init(name: String, _ scheduling: Scheduling, run: @escaping @Sendable () -> Void) {
      self.name = name
      self.scheduling = scheduling
      self.run = run
    }

    func main() {
      // glibc hides pthread_setname_np from Swift; this file is the same name.
      let file = open("/proc/thread-self/comm", O_WRONLY)
      if file >= 0 {
        _ = name.withCString { write(file, $0, min(strlen($0), 15)) }
        close(file)
      }
      scheduling.apply()
      run()
    }
  }

  /// All signals are blocked in the new thread: the main thread, or the loop it runs, takes them.
  public init(name: String, scheduling: Scheduling = .normal, _ run: @escaping @Sendable () -> Void) {
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    var handle = pthread_t()
    let code = pthread_create(
      &handle, nil,
      { body in
        Unmanaged<Body>.fromOpaque(body.unsafelyUnwrapped).takeRetainedValue().main()
        return nil
      }, Unmanaged.passRetained(Body(name: name, scheduling, run: run)).toOpaque())
    precondition(code == 0, "the system refuses a thread: \(String(cString: strerror(code)))")
    self.handle = handle
  }

  public consuming func join() { pthread_join(handle, nil) }

  /// Lets the thread end by itself, or with the process.
  public consuming func detach() { pthread_detach(handle) }
}
