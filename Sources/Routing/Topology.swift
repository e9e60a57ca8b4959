public import Kafka
import Network
import Synchronization
public import Telemetry
import Threads

/// Asks the group, again and again, who owns which partition, on a thread of its own; and the topic how many partitions it has.
///
/// What fails is logged once, until it works again; the last snapshot stays.
public final class Topology: @unchecked Sendable {  // guarded by `mutex`, constant or atomic; `thread` is the owner's
  public struct Settings: Sendable {
    /// This instance's address: its own member's client id.
    public var instance: String
    public var group: String
    public var topic: String
    public var configuration: KafkaConfiguration
    /// How often the group is asked, and how often at most because lookups have missed.
    public var interval_ms = 2000
    public var pause_ms = 250
    /// Of each question.
    public var request_ms: Int32 = 1500

    public init(instance: String, group: String, topic: String, configuration: KafkaConfiguration) {
      self.instance = instance
      self.group = group
      self.topic = topic
      self.configuration = configuration
    }
  }

  private let settings: Settings
  private let log: Log
  private let owned: @Sendable () -> [UInt16]
  private let heardPartitions: @Sendable (Int) -> Void
  private let started_ns = MonotonicClock.now_ns
  private let mutex = Mutex()
  private var snapshot: TopologySnapshot
  private var partitions: Int?
  private var isAsked = false
  private var isStopping = false
  private let usurpation = Atomic<Bool>(false)
  private var thread: Thread?

  /// Starts to ask.
  ///
  /// - Parameters:
  ///   - owned: The partitions that lookups are answered from here at present.
  ///   - heardPartitions: Told how many partitions the topic has, each time it says so.
  public init(
    _ settings: Settings, log: Log, owned: @escaping @Sendable () -> [UInt16],
    heardPartitions: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.settings = settings
    self.log = log
    self.owned = owned
    self.heardPartitions = heardPartitions
    snapshot = TopologySnapshot(instance: settings.instance)
    thread = Thread(name: "topology") { [self] in run() }
  }

  public var instance: String { settings.instance }

  /// The last one; at first one that knows nothing.
  public var current: TopologySnapshot { mutex.withLock { snapshot } }

  /// How many partitions the topic has now; nil: not known yet.
  public var partitionCount: Int? { mutex.withLock { partitions } }

  /// Whether the group has given a partition that is answered from here to another instance. Quick: every lookup asks.
  public func isUsurped(_ partition: UInt16) -> Bool {
    usurpation.load(ordering: .relaxed) && current.usurped.contains(partition)
  }

  /// Since the group last answered, or since the start.
  public var age_ns: UInt64 {
    let asked_ns = current.asked_ns
    return MonotonicClock.now_ns - (asked_ns == 0 ? started_ns : asked_ns)
  }

  /// A lookup found the snapshot wrong or wanting: the group is asked at once, unless it just was.
  public func noteMiss() {
    mutex.withLock {
      isAsked = true
      mutex.notifyAll()
    }
  }

  /// Nothing new is asked.
  public func requestStop() {
    mutex.withLock {
      isStopping = true
      mutex.notifyAll()
    }
  }

  /// Returns when the thread has ended: after a question under way.
  public func stop() {
    requestStop()
    if let thread = thread.take() { thread.join() }
  }

  // MARK: The thread

  private func run() {
    var asking = Asking(settings, log)
    while true {
      let started_ns = MonotonicClock.now_ns
      let owned = owned()
      if let group = asking.group() {
        // One that was given up meanwhile is rightly another's.
        let still = Set(self.owned())
        let next = TopologySnapshot(
          group, owned: owned.filter(still.contains), after: current, asked_ns: started_ns,
          resolve: { asking.resolve($0) })
        mutex.withLock { snapshot = next }
        usurpation.store(!next.usurped.isEmpty, ordering: .relaxed)
      }
      if mutex.withLock({ isStopping }) { break }
      if let count = asking.partitionCount() {
        mutex.withLock { partitions = count }
        heardPartitions(count)
      }
      if !rest(since: started_ns) { break }
    }
    asking.end()
  }

  /// Waits for the next question; false where there is none.
  private func rest(since started_ns: UInt64) -> Bool {
    let regular_ns = started_ns + UInt64(settings.interval_ms) * 1_000_000
    let earliest_ns = MonotonicClock.now_ns + UInt64(settings.pause_ms) * 1_000_000
    return mutex.withLock {
      while !isStopping {
        let until_ns = isAsked ? earliest_ns : max(regular_ns, earliest_ns)
        if !mutex.wait(until: until_ns) && MonotonicClock.now_ns >= until_ns { break }
      }
      isAsked = false
      return !isStopping
    }
  }
}
