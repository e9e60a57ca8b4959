import Foundation
import Glibc

/// Ends what tests leave behind when their process ends, be it by a crash or SIGKILL: a shell that reads the groups of processes that
/// live from a pipe, and kills those at the pipe's end.
final class Reaper: Sendable {
  static let shared = Reaper()

  private let pipe: Int32
  private let lock = NSLock()

  private static let script = """
    trap '' INT TERM HUP
    live=' ' folders=
    while read -r verb what; do
      case $verb in
        +) live="$live$what " ;;
        -) case $live in *" $what "*) live="${live%% "$what" *} ${live#* "$what" }" ;; esac ;;
        folder) folders="$folders $what" ;;
      esac
    done
    for group in $live; do kill -s KILL -- "-$group"; done
    for folder in $folders; do rm -rf -- "$folder"; done
    """

  private init() {
    var ends: [Int32] = [0, 0]
    precondition(Glibc.pipe(&ends) == 0)
    pipe = ends[1]
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    Command.closeOthers(&actions)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    let words: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(Self.script), nil]
    var pid = pid_t()
    let code = posix_spawnp(&pid, "sh", &actions, &attributes, words, nil)
    precondition(code == 0, "there is no shell")
    for word in words { free(word) }
    posix_spawnattr_destroy(&attributes)
    posix_spawn_file_actions_destroy(&actions)
    close(ends[0])
  }

  /// The process `group` leads.
  func add(_ group: pid_t) { tell("+ \(group)") }

  func remove(_ group: pid_t) { tell("- \(group)") }

  /// Removes a folder without white space in its path at the end, with all in it.
  func removeAtEnd(folder: String) { tell("folder \(folder)") }

  private func tell(_ line: String) {
    lock.withLock { _ = (line + "\n").withCString { write(pipe, $0, strlen($0)) } }
  }
}
