import Network
import Testing

@Suite("Addresses")
struct AddressTests {
  @Test(
    "addresses are read and written alike",
    arguments: [
      ("127.0.0.1:8080", true), ("127.9.9.9:1", true), ("[::1]:0", true), ("0.0.0.0:80", false), ("[::]:80", false),
      ("10.0.0.1:65535", false), ("[2001:db8::1]:443", false), ("[::ffff:127.0.0.1]:80", true),
    ])
  func reading(text: String, isLoopback: Bool) throws {
    let address = try SocketAddress(parsing: text)
    #expect(address.description == text)
    #expect(address.isLoopback == isLoopback)
    #expect(text.hasSuffix(":\(address.port)"))
  }

  @Test(
    "what is no address is refused with the form expected",
    arguments: [
      ("8080", "has no port"), ("127.0.0.1:", "port that is not in"), ("127.0.0.1:65536", "port that is not in"),
      ("127.0.0.1:+80", "port that is not in"), ("::1:80", "without brackets"), (":80", "has no host"),
      ("no.such.host.invalid:80", "cannot be resolved"),
    ])
  func refusing(text: String, problem: String) throws {
    let error = #expect(throws: NetworkError.self) { try SocketAddress(parsing: text) }
    #expect(error?.code == .address)
    #expect(error?.description.contains("'\(text)'") == true && error?.description.contains(problem) == true)
  }

  @Test("an address that other machines reach needs leave", arguments: ["0.0.0.0:0", "[::]:0"])
  func remote(text: String) throws {
    let error = #expect(throws: NetworkError.self) {
      try Listener(address: text, allowRemote: false, option: "http.allow_remote") { LineFactory() }
    }
    #expect(error?.code == .remote)
    #expect(error?.description.contains(text) == true && error?.description.contains("http.allow_remote: true") == true)
  }

  @Test("with leave it listens everywhere")
  func allowed() throws {
    let listener = try Listener(address: "0.0.0.0:0", allowRemote: true, option: "http.allow_remote") { LineFactory() }
    let server = try NetworkServer(listeners: [listener])
    let client = try server.client()
    try client.send("hello\nquit\n")
    #expect(try client.readToEnd() == "hello\nbye\n")
  }

  @Test("a port that is taken is refused, and the hint says so")
  func taken() throws {
    let server = try NetworkServer.lines()
    let address = server.addresses[0].description
    let error = #expect(throws: NetworkError.self) {
      try Listener(address: address, allowRemote: false, option: "http.allow_remote") { LineFactory() }
    }
    #expect(error?.code == .system)
    #expect(error?.description.contains(address) == true && error?.description.contains("another process") == true)
  }
}
