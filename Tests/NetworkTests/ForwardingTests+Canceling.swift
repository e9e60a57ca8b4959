import HTTP
import Network
import TestKit
import Testing

/// `/ask/N` is answered by another server within N ms; `/cancel` takes the first of those back while it is answered itself.
private final class CancelingHandler: HTTPHandler {
  private let there: SocketAddress
  private let limits: HTTPClientLimits
  private var client: HTTPClient?
  private var exchanges: [HTTPExchange] = []

  init(_ there: SocketAddress, _ limits: HTTPClientLimits) { (self.there, self.limits) = (there, limits) }

  func started(_ dialer: Dialer) { client = HTTPClient(dialer, limits: limits) }

  func respond(to request: borrowing HTTPRequest, into response: inout HTTPResponse) {
    guard let client, request.segmentCount == 2,
      let within_ms = Int(String(decoding: request.segment(1), as: UTF8.self))
    else {
      if request.segment(0).elementsEqual("cancel".utf8) { client?.cancel(exchanges.removeFirst()) }
      return response.body.append(request.rawTarget)
    }
    let deferral = response.deferReply()
    do throws(HTTPClientFailure) {
      exchanges.append(
        try client.send(to: there, host: there.description, target: request.rawTarget, within_ms: within_ms) {
          outcome in
          deferral.answer { response in
            if case .failure(let failure) = outcome { response.fail(.badGateway, "\(failure)") }
          }
        })
    } catch {
      response.withdrawDeferral()
      response.fail(.badGateway, "\(error)")
    }
  }
}

extension ForwardingTests {
  @Test("taking a request back while another is answered lets none that waits write between")
  func canceledWithin() throws {
    var limits = HTTPClientLimits()
    limits.connectionsPerServer = 1
    let address = there.address
    let listener = try Listener(address: "127.0.0.1:0", allowRemote: false, option: "http.allow_remote") { [limits] in
      HTTPServer(handler: CancelingHandler(address, limits))
    }
    let server = try NetworkServer(listeners: [listener])
    let clients = try (0..<2).map { _ in try server.client() }
    try clients[0].send(get("/ask/20000"))
    let peer = try there.accept()
    _ = try peer.request()
    // This one waits for the connection of the first, and is late at once.
    try clients[1].send(get("/ask/0"))
    #expect(try ask(server, "/here", as: reply("/here")) == reply("/here"))
    #expect(try ask(server, "/cancel", as: reply("/cancel")) == reply("/cancel"))
    #expect(try clients[1].read(asLongAs: failure("timedOut")) == failure("timedOut"))
    #expect(try peer.request() == "")  // the end
  }
}
