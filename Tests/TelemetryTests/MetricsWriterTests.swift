import Bytes
import Telemetry
import Testing

@Suite("Metrics text")
struct MetricsWriterTests {
  private func text(_ writer: inout MetricsWriter) -> String {
    var output = ByteBuffer()
    writer.write(to: &output)
    return String(decoding: output.bytes, as: UTF8.self)
  }

  @Test("samples of one name form a family, in the order of the names")
  func families() {
    var writer = MetricsWriter()
    writer.counter("events_total", "Events applied.", UInt64(7), ["partition": "0"])
    writer.gauge("lag", "Events behind.", 3, ["partition": "0", "topic": "t"])
    writer.counter("events_total", "Events applied.", 12_345_678_901 as UInt64, ["partition": "1"])
    writer.gauge("ready", "1: ready.", 0.5)
    #expect(
      text(&writer) == """
        # HELP events_total Events applied.
        # TYPE events_total counter
        events_total{partition="0"} 7
        events_total{partition="1"} 12345678901
        # HELP lag Events behind.
        # TYPE lag gauge
        lag{partition="0",topic="t"} 3
        # HELP ready 1: ready.
        # TYPE ready gauge
        ready 0.5

        """)
  }

  @Test("label values are escaped")
  func escapes() {
    var writer = MetricsWriter()
    writer.gauge("g", "G.", -1, ["path": "a\"b\\c\nd", "empty": ""])
    #expect(text(&writer).split(separator: "\n").last == #"g{path="a\"b\\c\nd",empty=""} -1"#)
  }

  @Test("nothing is nothing")
  func empty() {
    var writer = MetricsWriter()
    #expect(text(&writer) == "")
  }

  @Test("durations are written as a histogram in seconds")
  func histogram() {
    let durations = LatencyHistogram()
    for duration_ns: UInt64 in [1_000, 16_384, 1_000_000, 20_000_000_000] { durations.record(duration_ns) }
    var writer = MetricsWriter()
    writer.histogram("lookup_seconds", "Lookups.", durations.snapshot, ["protocol": "http"])
    #expect(
      text(&writer) == """
        # HELP lookup_seconds Lookups.
        # TYPE lookup_seconds histogram
        lookup_seconds_count{protocol="http"} 4
        lookup_seconds_sum{protocol="http"} 20.001017384
        lookup_seconds_bucket{protocol="http",le="1.6384e-05"} 1
        lookup_seconds_bucket{protocol="http",le="6.5536e-05"} 2
        lookup_seconds_bucket{protocol="http",le="0.000262144"} 2
        lookup_seconds_bucket{protocol="http",le="0.001048576"} 3
        lookup_seconds_bucket{protocol="http",le="0.004194304"} 3
        lookup_seconds_bucket{protocol="http",le="0.016777216"} 3
        lookup_seconds_bucket{protocol="http",le="0.067108864"} 3
        lookup_seconds_bucket{protocol="http",le="0.268435456"} 3
        lookup_seconds_bucket{protocol="http",le="1.073741824"} 3
        lookup_seconds_bucket{protocol="http",le="4.294967296"} 3
        lookup_seconds_bucket{protocol="http",le="17.179869184"} 3
        lookup_seconds_bucket{protocol="http",le="+Inf"} 4

        """)
  }

  @Test("durations are written as a summary in seconds")
  func summary() {
    let durations = LatencyHistogram()
    durations.record(2_000_000_000)
    var writer = MetricsWriter()
    writer.summary("lookup_seconds", "Lookups.", durations.snapshot)
    #expect(
      text(&writer) == """
        # HELP lookup_seconds Lookups.
        # TYPE lookup_seconds summary
        lookup_seconds_count 1
        lookup_seconds_sum 2
        lookup_seconds{quantile="0.5"} 2
        lookup_seconds{quantile="0.9"} 2
        lookup_seconds{quantile="0.99"} 2
        lookup_seconds{quantile="0.999"} 2

        """)
  }
}
