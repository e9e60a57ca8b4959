import InterestCodec
import Testing

@Suite("Example records")
struct ExampleTests {
  @Test("good examples are read, the same from JSON and from Protobuf")
  func good() throws {
    var decoder = try TestDecoder()
    let (json, protobuf) = (try Examples.goodJSON(), try Examples.goodProtobuf())
    #expect(json.count == protobuf.count && json.count >= 9)
    for (text, message) in zip(json, protobuf) {
      #expect(try decoder.decode(text).get() == decoder.decode(message).get())
      #expect(try decoder.read(text).get() == decoder.read(message).get())
    }
  }

  @Test("the writer's bytes are those of the examples")
  func writer() throws {
    var decoder = try TestDecoder()
    for message in try Examples.goodProtobuf() {
      #expect(WrittenForms(try decoder.read(message).get()).protobuf == message)
    }
  }

  @Test("bad examples are refused for the reason they state", arguments: try Examples.invalid())
  func bad(example: Examples.Invalid) throws {
    var decoder = try TestDecoder()
    var key = example.key ?? []
    let bad = key.withUnsafeMutableBytes { key in
      func refused(_ value: UnsafeRawBufferPointer?) -> BadRecord? {
        let record = EventRecord(
          value: value, key: example.key == nil ? nil : UnsafeRawBufferPointer(key), checksKey: example.checksKey,
          timestamp_ms: example.timestamp_ms)
        guard case .failure(let bad) = decoder.decode(record) else { return nil }
        return bad
      }
      return example.value.map { $0.withUnsafeBytes { refused($0) } } ?? refused(nil)
    }
    #expect(bad?.reason.rawValue == example.reason, "\(bad?.detail ?? "taken for good")")
    #expect(bad.map { !$0.detail.isEmpty && $0.detail.utf8.count < 400 } == true)
  }

  @Test("all reasons but too large a record have an example")
  func reasons() throws {
    let stated = Set(try Examples.invalid().map(\.reason))
    #expect(stated.union(["record_too_large"]) == Set(BadRecord.Reason.allCases.map(\.rawValue)))
  }

  @Test("no beginning of an example crashes, and none of a JSON example is taken for the whole")
  func truncation() throws {
    for format in EventFormat.allCases {
      var decoder = try TestDecoder(format: format)
      for text in try Examples.goodJSON() {
        for length in 0..<text.count { #expect(decoder.reason(Array(text[..<length])) != nil) }
      }
      for record in try Examples.goodProtobuf() + Examples.invalid().compactMap(\.value) {
        for length in 0..<record.count { _ = decoder.decode(Array(record[..<length])) }
      }
    }
  }
}
