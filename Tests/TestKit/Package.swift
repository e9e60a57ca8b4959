import Foundation

/// Where the package, its executable and what is beside it are.
public enum Package {
  public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// What lies beside the package where it is developed: data sets, tools, Apache Kafka. May be missing.
  public static let shared = URL(fileURLWithPath: root).deletingLastPathComponent().path + "/shared"

  /// The executable to test: `INTERESTD_BINARY`, or the release build.
  public static let executable =
    ProcessInfo.processInfo.environment["INTERESTD_BINARY"] ?? root + "/.build/release/interestd"

  /// Why it cannot be tested; nil where it can.
  public static let missingExecutable: String? =
    FileManager.default.isExecutableFile(atPath: executable)
    ? nil : "no executable at \(executable): swift build -c release --product interestd, or set INTERESTD_BINARY"
}
