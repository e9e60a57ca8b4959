import CBuild
import InterestCodec

enum Version {
  static let number = "0.1.0"

  static var commit: String { String(cString: interestd_build_commit()) }

  /// What `--version` prints.
  static var text: String {
    """
    interestd \(number) (\(commit))
    state layout \(StateLayout.current)
    reads JSON and Protobuf behaviors (Confluent prefix allowed) from Kafka, .jsonl, .jsonl.gz, .binpb, .binpb.gz and -
    """
  }
}
