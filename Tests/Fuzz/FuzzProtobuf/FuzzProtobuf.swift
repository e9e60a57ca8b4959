import FuzzKit
import InterestCodec

// libFuzzer calls from one thread only.
nonisolated(unsafe) private let checks = EventChecks(format: .protobuf)

/// Any bytes as a Protobuf event.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  checks.check(Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}
