internal import CNet
import Glibc
import Synchronization

/// SIGTERM, SIGINT and, where wanted, SIGHUP as something to wait for, instead of handlers that interrupt.
///
/// To be made first thing on the main thread: threads inherit the mask, those of C libraries too, and a signal whose every
/// thread blocks it waits for `wait`. SIGPIPE is ignored from then on.
public final class TerminationSignals: Sendable {
  public enum Cause: Sendable, Equatable {
    case signal(name: String)
    /// Another thread has called `cancel`.
    case canceled
  }

  private let signals: Int32
  private let cancellation: Int32

  /// - Parameter catchingHangup: Whether SIGHUP is waited for too, instead of ending the process.
  public init(catchingHangup: Bool = false) throws(NetworkError) {
    var set = Self.mask
    if catchingHangup { sigaddset(&set, SIGHUP) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    // A daemon whose log is piped into something that ends goes on without it.
    signal(SIGPIPE, SIG_IGN)
    signals = signalfd(-1, &set, Int32(SFD_CLOEXEC))
    guard signals >= 0 else { throw .system("waiting for signals", errno) }
    cancellation = eventfd(0, Int32(EFD_CLOEXEC))
    guard cancellation >= 0 else {
      let number = errno
      close(signals)
      throw .system("waiting for signals", number)
    }
  }

  deinit {
    close(signals)
    close(cancellation)
  }

  private static var mask: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTERM)
    sigaddset(&set, SIGINT)
    return set
  }

  /// Blocks until a signal arrives or `cancel` is called; `hangup` is called for each SIGHUP, and then it waits on.
  public func wait(hangup: () -> Void = {}) -> Cause {
    while true {
      var descriptors = [
        pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
        pollfd(fd: cancellation, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&descriptors, nfds_t(descriptors.count), -1) > 0 else { continue }
      if descriptors[0].revents != 0 {
        var info = signalfd_siginfo()
        guard read(signals, &info, MemoryLayout<signalfd_siginfo>.size) > 0 else { continue }
        if info.ssi_signo == UInt32(SIGHUP) {
          hangup()
          continue
        }
        return .signal(name: info.ssi_signo == UInt32(SIGINT) ? "SIGINT" : "SIGTERM")
      }
      return .canceled
    }
  }

  /// From any thread: every `wait`, now or later, returns.
  public func cancel() { eventfd_write(cancellation, 1) }

  /// On the main thread, after the first signal: a second one ends the process at once, as an impatient user expects.
  public func restoreDefault() {
    var set = Self.mask
    pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }
}
