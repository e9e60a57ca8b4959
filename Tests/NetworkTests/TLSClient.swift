import Foundation
import Network
import TestKit

/// A client of TLS that is none of ours: Python's `ssl`, told by a script what to do. It prints what came back.
enum TLSClient {
  /// Runs `script` with `connect(...)` and `address` at hand; its standard output.
  static func run(_ address: SocketAddress, ca: String, _ script: String, within seconds: Double = 60) throws -> String
  {
    let outcome = try start(address, ca: ca, script).wait(within: seconds)
    guard outcome.code == 0 else { throw Command.Failure(description: "\(outcome)") }
    return outcome.text
  }

  static func start(_ address: SocketAddress, ca: String, _ script: String) throws -> Command {
    let prelude = """
      import socket, ssl, sys, time
      address = ('127.0.0.1', \(address.port))
      def context(cert=None, ca='\(ca)', **more):
        c = ssl.create_default_context(cafile=ca)
        if cert: c.load_cert_chain(cert + '.crt', cert + '.key')
        for name, value in more.items(): setattr(c, name, value)
        return c
      def connect(c=None, name='localhost', session=None):
        s = socket.create_connection(address, timeout=20)
        return (c or context()).wrap_socket(s, server_hostname=name, session=session)
      def exactly(s, count):
        data = bytearray()
        while len(data) < count:
          more = s.recv(count - len(data))
          if not more: break
          data += more
        return bytes(data)
      def attempt(work):
        try: return work()
        except Exception as e: return type(e).__name__ + ': ' + str(e)

      """
    return try Command("python3", ["-c", prelude + script])
  }
}
