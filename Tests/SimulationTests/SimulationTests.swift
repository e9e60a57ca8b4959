import Foundation
import Testing

@testable import Ingest

/// `INTERESTD_SIMULATION_SEEDS`: how many seeds (200). `INTERESTD_SIMULATION_SEED`: just this one.
@Suite("Simulated groups")
struct SimulationTests {
  private static func number(_ name: String) -> UInt64? {
    ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
  }

  private static let seeds: [UInt64] = {
    if let seed = number("INTERESTD_SIMULATION_SEED") { return [seed] }
    return Array(1...max(number("INTERESTD_SIMULATION_SEEDS") ?? 200, 1))
  }()

  @Test("through crashes, rebalances, repeats and truncation every store holds the fold of exactly what it says")
  func faults() {
    var total: [Simulation.Happening: Int] = [:]
    var failed: [UInt64] = []
    for seed in Self.seeds {
      let simulation = Simulation(seed: seed)
      do { try simulation.run() } catch {
        failed.append(seed)
        Issue.record("seed \(seed) (replay it with INTERESTD_SIMULATION_SEED=\(seed)): \(error)")
        if failed.count == 5 { break }
      }
      total.merge(simulation.happened, uniquingKeysWith: +)
    }
    guard Self.seeds.count >= 100 && failed.isEmpty else { return }
    for happening in Simulation.Happening.allCases {
      let count = total[happening] ?? 0
      if Self.number("INTERESTD_SIMULATION_SEEDS") != nil {
        print("\(Self.seeds.count) simulations: \(happening) \(count)")
      }
      #expect(count > Self.seeds.count / 10, "\(happening) happens too seldom to show anything")
    }
  }

  @Test("what is done wrong on purpose is found", arguments: SimulatedSettings.Sabotage.allCases)
  func sabotage(_ sabotage: SimulatedSettings.Sabotage) {
    let found = (UInt64(1)...30).contains { seed in
      do { try Simulation(seed: seed, sabotage: sabotage).run() } catch { return true }
      return false
    }
    #expect(found)
  }
}
