import Bytes
import FuzzKit

@testable import Ingest

/// The first byte chooses: ids as stored, whatever the bytes are, or ids to be stored.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var feed = InputFeed(start, count)
  let choice = feed.byte()
  var limits = DuplicateLimits()
  limits.offsets = [1, 5, 1000, 2_000_000][Int(choice >> 1 & 3)]
  limits.time_ms = [0, 10, 3_600_000, .max][Int(choice >> 3 & 3)]
  if choice & 1 == 0 {
    checkStored(feed.takeRest(), limits)
  } else {
    checkIDs(&feed, limits)
  }
  return 0
}

/// What can be read can be written, and is the same again; a window takes it as a whole or not at all.
private func checkStored(_ bytes: [UInt8], _ limits: DuplicateLimits) {
  let ids = read(bytes)
  let window = DuplicateWindow(limits, seed: 1)
  let isRestored = withCopy(bytes) { bytes in
    do throws(DuplicateIDsError) {
      try window.restore(bytes)
      return true
    } catch {
      return false
    }
  }
  require(isRestored == (ids != nil), "restored \(isRestored), and read \(ids != nil)")
  guard let ids else { return require(window.count == 0, "half of a damaged record is registered") }
  var new = NewIDs()
  for id in ids { new.append(id) }
  let again = new.take().flatMap { read($0.bytes) ?? [] }
  require(again.elementsEqual(ids, by: isSame), "ids are written otherwise: \(again) not \(ids)")
}

/// A window answers by the definition, also one that was restored from what another stored.
private func checkIDs(_ feed: inout InputFeed, _ limits: DuplicateLimits) {
  var window = DuplicateWindow(limits, seed: 1)
  var stored: [EncodedIDs] = []
  var met: [(id: UInt8, offset: Int64, timestamp_ms: Int64)] = []
  var offset: Int64 = -1
  while !feed.isEmpty && met.count < 64 {
    let shape = feed.byte()
    offset += 1 + Int64(shape >> 5)
    let id = shape & 3
    let timestamp_ms = shape & 4 == 0 ? 1_000_000 + Int64(feed.byte()) : Int64(feed.number(bytes: 5)) - 1
    if shape & 24 == 24 {
      stored += window.takeNew()
      window = restored(stored, limits)
    }
    let isDuplicate = withCopy([id]) { bytes in
      window.isDuplicate(user: bytes, eventID: bytes, offset: offset, timestamp_ms: timestamp_ms)
    }
    let expected = met.contains { earlier in
      let isTimed = earlier.timestamp_ms >= 0 && timestamp_ms >= 0
      return earlier.id == id && offset - earlier.offset <= limits.offsets
        && (!isTimed || abs(timestamp_ms - earlier.timestamp_ms) <= limits.time_ms)
    }
    require(isDuplicate == expected, "offset \(offset): duplicate \(isDuplicate), by the definition \(expected)")
    met.append((id, offset, timestamp_ms))
  }
}

private func restored(_ stored: [EncodedIDs], _ limits: DuplicateLimits) -> DuplicateWindow {
  let window = DuplicateWindow(limits, seed: 2)
  for ids in stored {
    withCopy(ids.bytes) { bytes in
      do throws(DuplicateIDsError) { try window.restore(bytes) } catch { fail("what was stored is refused: \(error)") }
    }
  }
  return window
}

/// Nil where the bytes are no ids.
private func read(_ bytes: [UInt8]) -> [RegisteredID]? {
  withCopy(bytes) { bytes in
    do throws(DuplicateIDsError) {
      var reader = try EncodedIDs.Reader(bytes)
      var ids: [RegisteredID] = []
      while let id = try reader.next() { ids.append(id) }
      return ids
    } catch {
      return nil
    }
  }
}

private func isSame(_ a: RegisteredID, _ b: RegisteredID) -> Bool {
  a.hash == b.hash && a.offset == b.offset && a.timestamp_ms == b.timestamp_ms
}
