/// SplitMix64: the same numbers for the same seed, on every machine.
struct SynthRandom {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  @inline(__always)
  mutating func next() -> UInt64 {
    // Wraps: that is the generator.
    state &+= 0x9E37_79B9_7F4A_7C15
    return Self.mix(state)
  }

  @inline(__always)
  static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value
    mixed = (mixed ^ (mixed &>> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed &>> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed &>> 31)
  }

  /// In [0, 1).
  @inline(__always)
  mutating func fraction() -> Double { Double(next() &>> 11) * 0x1p-53 }

  /// In 0..<bound, as even as 64 bits allow.
  @inline(__always)
  mutating func below(_ bound: UInt64) -> UInt64 { next().multipliedFullWidth(by: bound).high }

  /// True for that share of calls.
  @inline(__always)
  mutating func chance(_ share: Double) -> Bool { fraction() < share }
}
