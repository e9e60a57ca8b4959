/// Ranks 0..<count with the density (x + shift)^-1.5 over x = rank / count: a power law whose head `shift` cuts, the same shape for every count.
///
/// The exponent is the one whose inverse needs no more than divisions and square roots, which IEEE 754 rounds alike everywhere:
/// a seed gives the same events on every machine, which `pow` and `log` do not promise.
struct PowerLaw {
  private let count: Double
  private let shift: Double
  private let first: Double
  private let span: Double

  init(count: Int, shift: Double) {
    self.count = Double(count)
    self.shift = shift
    first = 1 / shift.squareRoot()
    span = first - 1 / (1 + shift).squareRoot()
  }

  /// The rank below which a share `fraction` in [0, 1) of all draws lies.
  @inline(__always)
  func rank(_ fraction: Double) -> Int {
    let root = first - fraction * span
    let x = 1 / (root * root) - shift
    // Rounding may leave the interval by its last bit.
    return Int(min(max(x * count, 0), count - 1))
  }
}
