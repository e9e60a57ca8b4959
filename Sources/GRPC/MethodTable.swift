/// The methods of a server's services by path.
struct MethodTable {
  struct Entry {
    let method: GRPCMethod
    let service: GRPCService
    /// Among the service's.
    let index: Int
    /// Among the counters'.
    let counter: Int
  }

  let entries: [Entry]

  init(_ services: [GRPCService], _ counters: GRPCCounters) {
    entries = services.flatMap { service in
      service.methods.enumerated().map { index, method in
        Entry(method: method, service: service, index: index, counter: counters.index(of: method.path))
      }
    }
  }

  /// There are a dozen methods, most of different lengths, and the ones asked most come first: no table is quicker.
  func find(_ path: UnsafeRawBufferPointer) -> Int? {
    for index in entries.indices where path.equals(entries[index].method.path) { return index }
    return nil
  }
}
