import Bytes
import Ingest
import InterestCodec
import InterestModel
import InterestStore
import Synth
import Threads

/// The steps of ingestion, one after the other on one thread, each over all of a buffer's behaviors: nanoseconds for each.
public struct StageTimes: Sendable {
  public var decode_ns = 0.0
  public var map_ns = 0.0
  public var append_ns = 0.0
  public var sort_ns = 0.0
  public var fold_ns = 0.0
  public var write_ns = 0.0

  /// Behaviors that are decoded before they are mapped and appended: decoded ones point into what is played back.
  private struct Pending {
    var behavior: Behavior
    let partition: UInt16
    let user: UnsafeRawBufferPointer
  }

  /// The recording must not have more records than a buffer takes; more are left out.
  public static func measure(_ recording: Recording, _ format: EventFormat, _ pipeline: Pipeline) throws -> StageTimes {
    let generation = pipeline.store.generation
    guard let buffer = generation.nextBuffer() else { return StageTimes() }
    var times = StageTimes()
    var pending: [Pending] = []
    pending.reserveCapacity(recording.count)
    var decoder = EventDecoder(catalog: generation.configuration.catalog, format: format)
    var event = DecodedEvent()
    // Touched before they are measured.
    recording.forEach { partition, key, value in
      if decoder.decode(EventRecord(value: value, key: key, checksKey: true), into: &event) == nil {
        pending.append(.init(behavior: event.behavior, partition: partition, user: key))
      }
    }
    let count = Double(max(pending.count, 1))
    times.decode_ns = time(count) {
      recording.forEach { _, key, value in
        _ = decoder.decode(EventRecord(value: value, key: key, checksKey: true), into: &event)
      }
    }
    let shops = pipeline.clusterMap.shops
    times.map_ns = time(count) {
      for index in pending.indices { pending[index].behavior.group = shops.group(of: pending[index].behavior.shop) }
    }
    times.append_ns = time(count) {
      for event in pending where !buffer.isFull {
        buffer.append(event.behavior, partition: event.partition, user: event.user)
      }
    }
    let flush = try Flusher.measure(buffer, of: generation)
    times.sort_ns = Double(flush.sort_ns) / count
    times.fold_ns = Double(flush.fold_ns) / count
    times.write_ns = Double(flush.write_ns) / count
    return times
  }

  private static func time(_ count: Double, _ body: () -> Void) -> Double {
    let start_ns = CPUClock.thread_ns
    body()
    return Double(CPUClock.thread_ns - start_ns) / count
  }
}
