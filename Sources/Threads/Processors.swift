import Glibc

public enum Processors {
  /// Threads where a configuration leaves their number to the machine: as many as it has processors, 4 at most.
  public static var upToFour: Int { max(1, min(4, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}
