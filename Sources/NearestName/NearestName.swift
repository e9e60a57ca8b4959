/// Of `names` the one that `name` was most likely meant to be, or nil where none is close. Close is what differs in at most a third
/// of the longer one's letters (one at least), or lacks or adds words at one end (`age` for `age_ms`). The closest one wins, the first of
/// equals.
public func nearestName(to name: String, among names: some Sequence<String>) -> String? {
  var best: (name: String, distance: Int)?
  let written = Array(name.utf8)
  // What is far longer than any name is no slip of the hand, and would only cost time.
  guard written.count <= 128 else { return nil }
  for candidate in names {
    let letters = Array(candidate.utf8)
    let distance = editDistance(written, letters)
    let isClose = distance <= max(1, max(written.count, letters.count) / 3)
    guard isClose || extends(written, letters) || extends(letters, written) else { continue }
    if distance < best?.distance ?? .max { best = (candidate, distance) }
  }
  return best?.name
}

/// Whether `long` is `short` with words before or after it.
private func extends(_ long: [UInt8], _ short: [UInt8]) -> Bool {
  guard short.count >= 3, long.count > short.count else { return false }
  let separators = "_-.".utf8
  return long.starts(with: short) && separators.contains(long[short.count])
    || long.reversed().starts(with: short.reversed()) && separators.contains(long[long.count - short.count - 1])
}

/// Insertions, deletions, replacements and swaps of neighbours that make `a` into `b` (optimal string alignment).
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
  var beforeLast = [Int](repeating: 0, count: b.count + 1)
  var last = Array(0...b.count)
  for i in 1...a.count {
    var row = [Int](repeating: i, count: b.count + 1)
    for j in 1...b.count {
      row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
      if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { row[j] = min(row[j], beforeLast[j - 2] + 1) }
    }
    beforeLast = last
    last = row
  }
  return last[b.count]
}
