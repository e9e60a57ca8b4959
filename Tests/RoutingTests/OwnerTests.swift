import Routing
import Testing

@Suite("Owners")
struct OwnerTests {
  @Test(
    "a client id is an address where it is a host and a port, and nothing else",
    arguments: [
      ("127.0.0.1:8080", true), ("[::1]:8080", true), ("[2001:db8::1]:1", true), ("ranker-3.example_x:65535", true),
      ("interestd", false), ("interestd-1", false), ("rdkafka", false), ("", false), (":8080", false),
      ("host:", false), ("host:0", false), ("host:65536", false), ("host:+80", false), ("::1:80", false),
      ("[]:80", false), ("a b:80", false), ("a/b:80", false), ("host:80 ", false), ("[fe80::1%eth0]:80", false),
      ("h\r\nX: y:80", false), ("\u{e9}:80", false),
    ])
  func addresses(text: String, isAddress: Bool) {
    #expect(Owner.isAddress(text) == isAddress)
    #expect(Owner(clientID: text, socket: nil).address == (isAddress ? text : nil))
  }

  @Test("a client id that is too long is no address")
  func long() {
    #expect(!Owner.isAddress(String(repeating: "a", count: 300) + ":80"))
  }
}
