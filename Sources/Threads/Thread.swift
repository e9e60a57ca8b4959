import Glibc

/// An operating system's thread with a name (15 bytes at most are kept), joined by whoever started it.
public struct Thread: ~Copyable, @unchecked Sendable {  // pthread_t may be joined from any thread, once
  private let handle: pthread_t

  private final class Body {
    let name: String
    let run: @Sendable () -> Void

    init(name: String, run: @escaping @Sendable () -> Void) {
      self.name = name
      self.run = run
    }

    func main() {
      // glibc hides pthread_setname_np from Swift; this file is the same name.
      let file = open("/proc/thread-self/comm", O_WRONLY)
      if file >= 0 {
        _ = name.withCString { write(file, $0, min(strlen($0), 15)) }
        close(file)
      }
      run()
    }
  }

  /// All signals are blocked in the new thread: the main thread, or the loop it runs, takes them.
  public init(name: String, _ run: @escaping @Sendable () -> Void) {
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
      }, Unmanaged.passRetained(Body(name: name, run: run)).toOpaque())
    precondition(code == 0, "the system refuses a thread: \(String(cString: strerror(code)))")
    self.handle = handle
  }

  public consuming func join() { pthread_join(handle, nil) }

  /// Lets the thread end by itself, or with the process.
  public consuming func detach() { pthread_detach(handle) }
}
