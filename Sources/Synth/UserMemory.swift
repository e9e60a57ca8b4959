import Glibc

/// What each user has done so far, in one cache line a user: how many behaviors, and up to 15 shops to come back to.
struct UserMemory: ~Copyable, @unchecked Sendable {  // it owns its memory
  private let words: UnsafeMutablePointer<UInt32>

  static let keptShops = 15
  private static let wordsPerUser = 16
  /// A user's first word: behaviors in the upper bits, kept shops in the lower four.
  private static let fillBits: UInt32 = 4
  private static let largestCount: UInt32 = (1 << 28) - 1

  init(users: Int) {
    // Zeroed by the system page by page, as users appear.
    guard let memory = calloc(users, Self.wordsPerUser * MemoryLayout<UInt32>.size) else {
      preconditionFailure("no memory for \(users) users")
    }
    words = memory.assumingMemoryBound(to: UInt32.self)
  }

  deinit { free(words) }

  /// How many behaviors `user` had before this one, which is counted.
  @inline(__always)
  mutating func count(_ user: Int) -> UInt32 {
    let word = words + user &* Self.wordsPerUser
    let count = word.pointee &>> Self.fillBits
    if count < Self.largestCount { word.pointee &+= 1 &<< Self.fillBits }
    return count
  }

  @inline(__always)
  func fill(_ user: Int) -> Int { Int(words[user &* Self.wordsPerUser] & 15) }

  /// `slot` lies below `fill`.
  @inline(__always)
  func shop(_ user: Int, slot: Int) -> UInt32 { words[user &* Self.wordsPerUser &+ 1 &+ slot] }

  @inline(__always)
  func holds(_ user: Int, _ shop: UInt32) -> Bool {
    let shops = words + (user &* Self.wordsPerUser &+ 1)
    for slot in 0..<fill(user) where shops[slot] == shop { return true }
    return false
  }

  /// Keeps the shop, in the place of the one in `slot` when there is no room.
  @inline(__always)
  mutating func keep(_ user: Int, _ shop: UInt32, replacing slot: Int) {
    let fill = fill(user)
    if fill < Self.keptShops {
      words[user &* Self.wordsPerUser] &+= 1
      words[user &* Self.wordsPerUser &+ 1 &+ fill] = shop
    } else {
      words[user &* Self.wordsPerUser &+ 1 &+ slot] = shop
    }
  }
}
