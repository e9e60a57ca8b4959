public enum HTTPMethod: Sendable {
  case get, head, post, put, patch, delete, options, other

  init(_ name: UnsafeRawBufferPointer) {
    if name.equals("GET") {
      self = .get
    } else if name.equals("HEAD") {
      self = .head
    } else if name.equals("POST") {
      self = .post
    } else if name.equals("PUT") {
      self = .put
    } else if name.equals("PATCH") {
      self = .patch
    } else if name.equals("DELETE") {
      self = .delete
    } else {
      self = name.equals("OPTIONS") ? .options : .other
    }
  }
}
