import FuzzKit

/// So many behaviors are kept, by two bits of the input: few, so that a short input has groups with more, and the default.
// libFuzzer calls from one thread only.
nonisolated(unsafe) private let checks = [1, 2, 4, 32].map(StateChecks.init)

/// The first byte chooses; then either states as stored, each with its size before it, or behaviors in runs.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var feed = InputFeed(start, count)
  let choice = feed.byte()
  let checks = checks[Int(choice >> 1 & 3)]
  if choice & 1 == 0 {
    var states: [[UInt8]] = []
    while !feed.isEmpty && states.count < 6 { states.append(feed.take(Int(feed.number(bytes: 2)))) }
    checks.check(stored: states, choice: choice >> 3)
  } else {
    checks.check(behaviorsFrom: &feed)
  }
  return 0
}
