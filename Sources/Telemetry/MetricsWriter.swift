import Bytes
internal import CPrometheus

/// The metrics of one scrape, gathered when they are asked for and written in Prometheus' text format (0.0.4) by prometheus-cpp.
///
/// Samples of one name form a family, in the order in which the names came first. Names and helps are the caller's constants,
/// and a name keeps its kind.
public struct MetricsWriter: ~Copyable {
  /// Label names and values, in the order in which they are written.
  public typealias Labels = KeyValuePairs<StaticString, String>

  /// The Content-Type of what `write` appends.
  public static let contentType: StaticString = "text/plain; version=0.0.4; charset=utf-8"

  private let scrape = cprometheus_create().unsafelyUnwrapped  // operator new does not return null

  public init() {}

  deinit { cprometheus_destroy(scrape) }

  /// A total that only grows; the name ends in `_total`.
  public mutating func counter(_ name: StaticString, _ help: StaticString, _ value: Double, _ labels: Labels = [:]) {
    guard sample(name, help, CPROMETHEUS_COUNTER, labels) else { return }
    cprometheus_value(scrape, value)
  }

  public mutating func counter(_ name: StaticString, _ help: StaticString, _ value: UInt64, _ labels: Labels = [:]) {
    counter(name, help, Double(value), labels)
  }

  /// A value of now.
  public mutating func gauge(_ name: StaticString, _ help: StaticString, _ value: Double, _ labels: Labels = [:]) {
    guard sample(name, help, CPROMETHEUS_GAUGE, labels) else { return }
    cprometheus_value(scrape, value)
  }

  public mutating func gauge(
    _ name: StaticString, _ help: StaticString, _ value: some BinaryInteger, _ labels: Labels = [:]
  ) {
    gauge(name, help, Double(value), labels)
  }

  /// Durations as a histogram in seconds. The name ends in `_seconds`.
  ///
  /// The bounds are powers of four from 16.4 us to 17.2 s, where the recorded buckets end exactly: instances can be added.
  public mutating func histogram(
    _ name: StaticString, _ help: StaticString, _ durations: LatencySnapshot, _ labels: Labels = [:]
  ) {
    guard sample(name, help, CPROMETHEUS_HISTOGRAM, labels) else { return }
    cprometheus_observations(scrape, durations.count, Double(durations.sum_ns) / 1e9)
    for exponent in stride(from: 14, through: 34, by: 2) {
      let bound_ns = UInt64(1) << UInt64(exponent)
      cprometheus_bucket(scrape, Double(bound_ns) / 1e9, durations.count(below_ns: bound_ns))
    }
  }

  /// Durations as a summary in seconds, with quantiles of all time: exact to 3 %, but not to be added over instances.
  public mutating func summary(
    _ name: StaticString, _ help: StaticString, _ durations: LatencySnapshot, _ labels: Labels = [:]
  ) {
    guard sample(name, help, CPROMETHEUS_SUMMARY, labels) else { return }
    cprometheus_observations(scrape, durations.count, Double(durations.sum_ns) / 1e9)
    for quantile in [0.5, 0.9, 0.99, 0.999] {
      cprometheus_quantile(scrape, quantile, Double(durations.quantile_ns(quantile)) / 1e9)
    }
  }

  /// Appends the text of everything so far.
  public mutating func write(to output: inout ByteBuffer) {
    let text = cprometheus_serialize(scrape)
    output.append(UnsafeRawBufferPointer(start: text.bytes, count: text.count))
  }

  private func sample(_ name: StaticString, _ help: StaticString, _ kind: cprometheus_kind, _ labels: Labels) -> Bool {
    // One run of bytes for all values, so that each label can point into it.
    var values = ByteBuffer(capacity: 64)
    var ends: [Int] = []
    for (_, value) in labels {
      values.append(value)
      ends.append(values.count)
    }
    var start = 0
    let pairs = zip(labels, ends).map { label, end in
      defer { start = end }
      return cprometheus_label(
        name: Self.text(label.key),
        value: Self.text(UnsafeRawBufferPointer(rebasing: values.bytes[start..<end])))
    }
    let added = cprometheus_sample(scrape, Self.text(name), Self.text(help), kind, pairs, pairs.count)
    assert(added, "metric \(name) has two kinds")
    return added
  }

  private static func text(_ text: StaticString) -> cprometheus_text {
    self.text(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private static func text(_ bytes: UnsafeRawBufferPointer) -> cprometheus_text {
    cprometheus_text(bytes: bytes.baseAddress?.assumingMemoryBound(to: CChar.self), count: bytes.count)
  }
}
