import Bytes
import DaemonConfig
import InterestCodec
import InterestModel
import Synth
import Testing

extension DecodedRecord {
  /// The catalog as the daemon reads it from the text generated.
  static func catalog() throws -> BehaviorCatalog {
    try DaemonConfiguration.parse(yaml: SynthOptions.configurationText, file: "C.yaml").behaviors
  }
}

@Suite("Synthetic records")
struct SynthFormTests {
  @Test(
    "the same options give the same bytes, for good",
    arguments: [
      (SynthForm.jsonLine, "6590b8a8fc4a8eea9f9ff1dc136f5047", "68a366fbf539be611688852fc6564241"),
      (.delimitedProtobuf, "588879ac4539fa30c5c02b41ad4a9ac6", "4c850bbbdc4dda4694ef77dc9a154d4e"),
      (.json, "3b7bcbf1307212275a5bf3bc49728f38", "f233575c12f11d57b12f18fb63a1bb5d"),
      (.protobuf, "bff98b7b620e384b8e425c8cecea44d0", "742078a42a47d8bee50e2459c04d32f8"),
    ])
  func golden(form: SynthForm, plain: String, faulty: String) throws {
    var options = SynthOptions.sample(events: 20_000)
    #expect(try Self.hash(options, form) == plain)
    (options.outOfOrderShare, options.duplicateShare, options.badShare) = (0.1, 0.05, 0.02)
    #expect(try Self.hash(options, form) == faulty)
    options.seed = 8
    #expect(try Self.hash(options, form) != faulty)
  }

  @Test("with event ids, every behavior has its own, and repeats have those of what they repeat")
  func eventIDs() throws {
    var options = SynthOptions.sample(events: 20_000)
    let plain = try options.decoded(.json)
    #expect(plain.allSatisfy { $0.event == "" })
    options.namesEvents = true
    let named = try options.decoded(.json)
    #expect(Set(named.map(\.event)).count == 20_000 && !named.contains { $0.event == "" })
    #expect(zip(plain, named).allSatisfy { $0.user == $1.user && $0.behavior.time_ms == $1.behavior.time_ms })
    (options.duplicateShare, options.seed) = (0.1, 8)
    let repeated = try options.decoded(.json)
    let ids = repeated.filter { $0.kind == .behavior }.map { $0.user + " " + $0.event }
    let copies = repeated.filter { $0.kind == .duplicate }.map { $0.user + " " + $0.event }
    #expect(Set(ids).count == ids.count && copies.count > 1500 && Set(ids).isSuperset(of: copies))
    #expect(Set(named.map(\.event)).isDisjoint(with: repeated.map(\.event)), "another seed, other ids")
  }

  private static func hash(_ options: SynthOptions, _ form: SynthForm) throws -> String {
    var hash = ContentHash()
    try options.forEach(form) { _, bytes in hash.update(bytes) }
    return hash.hexadecimal
  }

  @Test("JSON and Protobuf tell of the same behaviors")
  func agreement() throws {
    var options = SynthOptions.sample(events: 20_000)
    (options.outOfOrderShare, options.duplicateShare, options.badShare) = (0.1, 0.05, 0.02)
    let json = try options.decoded(.json)
    let protobuf = try options.decoded(.protobuf)
    #expect(json.count == protobuf.count)
    for (a, b) in zip(json, protobuf) {
      #expect(a.kind == b.kind && a.user == b.user && a.event == b.event)
      #expect((a.reason == nil) == (b.reason == nil))
      if a.reason == nil { #expect(a.behavior.time_ms == b.behavior.time_ms && a.behavior.shop == b.behavior.shop) }
    }
  }

  @Test("each fault is refused for its reason", arguments: [SynthForm.json, .protobuf])
  func faults(form: SynthForm) throws {
    var options = SynthOptions.sample(events: 3_000)
    options.badShare = 1
    var reasons: [SynthFault: Set<BadRecord.Reason>] = [:]
    for record in try options.decoded(form) {
      guard case .bad(let fault) = record.kind, let reason = record.reason else {
        Issue.record("\(record.kind) is good")
        continue
      }
      reasons[fault, default: []].insert(reason)
    }
    let isJSON = form == .json
    #expect(
      reasons == [
        .garbage: [.malformedProtobuf], .truncated: [isJSON ? .malformedJSON : .malformedProtobuf],
        .unknownType: [.unknownType], .emptyUser: [isJSON ? .emptyID : .missingField], .longShop: [.overLongID],
        .earlyTime: [.timeOutOfRange], .lateTime: [.timeOutOfRange], .invalidUTF8: [.invalidUTF8],
        .badDwell: [isJSON ? .wrongType : .dwellOutOfRange], .nullValue: [.nullValue], .nullKey: [.keyMismatch],
        .otherKey: [.keyMismatch],
      ])
  }

  @Test("bad records in files leave those around them readable", arguments: [SynthForm.jsonLine, .delimitedProtobuf])
  func framing(form: SynthForm) throws {
    var options = SynthOptions.sample(events: 5_000)
    options.badShare = 0.5
    try options.forEach(form) { record, bytes in
      #expect(!record.isNull && record.key != nil)
      if form == .jsonLine {
        #expect(bytes.last == UInt8(ascii: "\n"))
        #expect(bytes.filter { $0 == UInt8(ascii: "\n") }.count == 1)
      } else {
        let start = try #require(bytes.baseAddress).assumingMemoryBound(to: UInt8.self)
        var reader = ByteReader(start, count: bytes.count)
        let size = reader.varint()
        #expect(!reader.failed && size == UInt64(reader.remaining))
      }
    }
  }

  @Test("the cluster map is one that the daemon reads, of every shop, evenly over the groups")
  func clusterMap() throws {
    let options = SynthOptions(events: 1, users: 1, shops: 50_000, groups: 100)
    var buffer = ByteBuffer()
    options.appendClusterMapHeader(to: &buffer)
    options.appendClusterMapRows(1...30_000, to: &buffer)
    options.appendClusterMapRows(30_001...50_000, to: &buffer)
    let map = try ClusterMap(csv: buffer.bytes, name: "G.csv")
    #expect(map.shops.count == 50_000)
    var sizes: [UInt32: Int] = [:]
    for shop in 1...50_000 { sizes[options.group(of: UInt32(shop)), default: 0] += 1 }
    #expect(sizes.keys.sorted() == Array(1...100))
    #expect(sizes.values.allSatisfy { (400...600).contains($0) })
  }

  @Test("options out of range are refused by name")
  func options() {
    func message(_ change: (inout SynthOptions) -> Void) -> String {
      var options = SynthOptions.sample()
      change(&options)
      do throws(SynthOptionsError) {
        _ = try SynthGenerator(options)
        return ""
      } catch { return error.message }
    }
    #expect(message { $0.events = 0 }.hasPrefix("0 events"))
    #expect(message { $0.users = 1 << 25 }.contains("users"))
    #expect(message { $0.shops = 0 }.contains("shops"))
    #expect(message { $0.groups = 0 }.contains("groups"))
    #expect(message { $0.badShare = 1.5 }.contains("bad share"))
    #expect(message { $0.outOfOrderShare = .nan }.contains("out-of-order share"))
    #expect(message { ($0.badShare, $0.duplicateShare) = (0.6, 0.6) }.contains("together"))
    #expect(message { _ in } == "")
  }

  @Test("the smallest of worlds has one user, shop and group")
  func smallest() throws {
    var options = SynthOptions(events: 50, users: 1, shops: 1, groups: 1)
    options.duplicateShare = 0.5
    let records = try options.decoded(.json)
    #expect(records.count == 50)
    #expect(records.allSatisfy { $0.reason == nil && $0.user == "000000000000" && $0.behavior.shop == 1 })
  }
}
