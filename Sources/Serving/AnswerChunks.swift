import Bytes
import Glibc

/// The memory of a shard's answers: chunks of the system's, which are filled one after the other. Taken from the system and given back
/// whole, so that what the cache takes is what the process has of it: freed piece by piece, answers would leave holes everywhere.
struct AnswerChunks: ~Copyable {
  struct Chunk {
    let start: UnsafeMutableRawPointer
    let size: Int
    /// The first so many bytes are entries, one behind the other.
    var used = 0
  }

  /// The last is being filled.
  private var chunks: ContiguousArray<Chunk> = []
  /// Of all chunks.
  private(set) var bytes = 0
  private let chunkSize: Int

  /// - Parameter limit: Bytes that there will be at most.
  init(limit: Int) {
    // So few that the system's limit of mappings (vm.max_map_count) is far away, and so many that emptying one is quick.
    let page = 4096
    chunkSize = min(max(limit / 32 / page * page, page), max(limit / 128 / page * page, 1 << 16))
  }

  deinit { for chunk in chunks { munmap(chunk.start, chunk.size) } }

  var count: Int { chunks.count }

  /// Whether so many bytes have a chunk of their own.
  func isLarge(_ size: Int) -> Bool { size > chunkSize }

  /// Memory for an entry, in the chunk being filled or in a new one; nil where there would then be more than `limit` bytes.
  mutating func take(_ size: Int, limit: Int) -> UnsafeMutableRawPointer? {
    if chunks.isEmpty || chunks[chunks.count - 1].used + size > chunks[chunks.count - 1].size {
      guard add(max(chunkSize, (size + 4095) & ~4095), limit) else { return nil }
    }
    let last = chunks.count - 1
    defer { chunks[last].used += size }
    return chunks[last].start + chunks[last].used
  }

  private mutating func add(_ size: Int, _ limit: Int) -> Bool {
    guard bytes + size <= limit else { return false }
    let start = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let start, start != MAP_FAILED else { return false }
    chunks.append(Chunk(start: start, size: size))
    bytes += size
    return true
  }

  /// The chunk filled longest ago, which is not among the chunks until it is put back.
  mutating func takeOldest() -> Chunk? { chunks.isEmpty ? nil : chunks.removeFirst() }

  /// As the one being filled.
  mutating func putBack(_ chunk: Chunk) { chunks.append(chunk) }

  mutating func giveBack(_ chunk: consuming Chunk) {
    bytes -= chunk.size
    munmap(chunk.start, chunk.size)
  }
}
