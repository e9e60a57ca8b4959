import Synchronization
import Telemetry

/// Calls by method and status, of all loops; read from any thread, at any time.
public final class GRPCCounters: @unchecked Sendable {  // the pointer never changes, and what it leads to is atomic
  /// One of the methods; the last is all that are unknown.
  public struct Method: Sendable {
    /// `package.Service/Method`, or `unknown`.
    public let name: String
    public let latency: LatencySnapshot
    /// By status; those that did not occur are left out.
    public let calls: [(status: GRPCStatus, count: UInt64)]
  }

  private let paths: [String]
  private let histograms: [LatencyHistogram]
  private let calls: UnsafeMutablePointer<Atomic<UInt64>>
  let underWay = Atomic<Int>(0)
  let connectionsEnded = Atomic<UInt64>(0)

  private static let statuses = GRPCStatus.allCases.count

  public init(methods: [GRPCMethod]) {
    paths = methods.map(\.path.description)
    histograms = (0...methods.count).map { _ in LatencyHistogram() }
    calls = .allocate(capacity: histograms.count * Self.statuses)
    for index in 0..<histograms.count * Self.statuses { (calls + index).initialize(to: Atomic(0)) }
  }

  deinit { calls.deallocate() }

  /// Calls that have begun and not ended.
  public var callsUnderWay: Int { underWay.load(ordering: .relaxed) }

  /// Connections that were ended because their clients misbehaved.
  public var misbehaved: UInt64 { connectionsEnded.load(ordering: .relaxed) }

  public var methods: [Method] {
    histograms.indices.map { index in
      Method(
        name: index < paths.count ? String(paths[index].dropFirst()) : "unknown", latency: histograms[index].snapshot,
        calls: GRPCStatus.allCases.compactMap { status in
          let count = calls[index * Self.statuses + status.rawValue].load(ordering: .relaxed)
          return count == 0 ? nil : (status, count)
        })
    }
  }

  func index(of path: StaticString) -> Int { paths.firstIndex(of: path.description) ?? paths.count }

  func count(_ index: Int?, _ status: GRPCStatus, _ duration_ns: UInt64) {
    let index = index ?? paths.count
    calls[index * Self.statuses + status.rawValue].add(1, ordering: .relaxed)
    histograms[index].record(duration_ns)
  }
}
