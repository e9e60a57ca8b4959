import Foundation
import Inputs
import TestKit
import Testing

@Suite("Inputs by name")
struct InputTests {
  let directory = TemporaryDirectory()

  @Test("the ending tells the format")
  func formats() throws {
    for (name, framing, isCompressed) in [
      ("a.jsonl", InputFormat.Framing.lines, false), ("a.jsonl.gz", .lines, true), ("a.binpb", .lengths, false),
      ("a.binpb.gz", .lengths, true),
    ] {
      let format = try directory.write(name, "").format
      #expect(format.framing == framing)
      #expect(format.isCompressed == isCompressed)
    }
    #expect(try Input("-").format.framing == .lines)
  }

  @Test(
    "another ending is refused with those that are read",
    arguments: ["a.csv", "a.json", "a.gz", "jsonl", "", "a.jsonl.zst"])
  func unknown(name: String) throws {
    let error = #expect(throws: InputError.self) { try Input(name) }
    #expect(error?.code == .unknownFormat)
    #expect(error?.description.contains(".jsonl, .jsonl.gz, .binpb, .binpb.gz, or -") == true)
  }

  @Test("a file is known by its real path, standard input by its name")
  func identities() throws {
    let input = try directory.write("a.jsonl", "")
    try FileManager.default.createSymbolicLink(
      atPath: directory.file("link.jsonl"), withDestinationPath: directory.file("a.jsonl"))
    let link = try Input(directory.file("../\((directory.path as NSString).lastPathComponent)/link.jsonl"))
    #expect(link.identity == input.identity)
    #expect(link.identity?.hasPrefix("/") == true)
    #expect(link.name.hasSuffix("link.jsonl"))
    #expect(try Input("-").identity == nil)
    #expect(try Input("-", standardInputName: "feed").identity == "feed")
    #expect(throws: InputError.self) { try Input("-", standardInputName: "") }
  }

  @Test("a missing file and a folder are errors that say so")
  func unreadable() throws {
    let missing = #expect(throws: InputError.self) { try Input(directory.file("none.jsonl")) }
    #expect(missing?.code == .unreadable)
    #expect(missing?.description.contains("No such file") == true)
    try FileManager.default.createDirectory(atPath: directory.file("d.jsonl"), withIntermediateDirectories: false)
    let folder = try readAll(Input(directory.file("d.jsonl")))
    #expect(folder.error?.code == .unreadable)
    #expect(folder.error?.description.contains("directory") == true)
  }
}
