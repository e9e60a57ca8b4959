"""As much of Redis' protocol as filling Redis with interestd's values takes."""

import socket
import ssl

from crashtest.processes import Failure

TIMEOUT_S = 30


def command(*words):
    """A command's bytes, of words that are bytes."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


class Client:
    """One connection; use it in a `with`."""

    def __init__(self, address, tls=False):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), TIMEOUT_S)
        if tls:
            # The certificate was made for this run, and vouches for itself.
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.socket = context.wrap_socket(self.socket)
        self.replies = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.replies.close()
        self.socket.close()

    def ask(self, *words):
        self.socket.sendall(command(*words))
        return self.reply()

    def reply(self):
        line = self.replies.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"$":
            size = int(rest)
            return None if size < 0 else self.replies.read(size + 2)[:-2]
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        raise Failure(f"an unexpected reply: {line[:200]!r}")


def keys(users):
    return [b"%012d" % user for user in users]


def copy_values(source, target, users, at_once=500):
    """Sets every user's value of one server in another, and sees that a sample is the same there. Returns how many have a value, as some
    have had no event, and the mean size."""
    count = total = 0
    with Client(source) as reader, Client(target) as writer:
        for first in range(0, users, at_once):
            names = keys(range(first, min(first + at_once, users)))
            pairs = [(name, value) for name, value in zip(names, reader.ask(b"MGET", *names)) if value is not None]
            if pairs and writer.ask(b"MSET", *(word for pair in pairs for word in pair)) != b"OK":
                raise Failure(f"{target} did not take the users from {names[0].decode()} on")
            count += len(pairs)
            total += sum(len(value) for _, value in pairs)
        sample = keys(range(0, users, max(users // 500, 1)))
        if reader.ask(b"MGET", *sample) != writer.ask(b"MGET", *sample):
            raise Failure(f"{target} has other values than {source}")
    return count, total / max(count, 1)


def warm(address, users, at_once=500, tls=False):
    """Asks for every user once, so that their answers are ready."""
    with Client(address, tls) as client:
        for first in range(0, users, at_once):
            client.ask(b"MGET", *keys(range(first, min(first + at_once, users))))


def ordinary_users(address, users, count):
    """Some whose values have about the mean size, of a sample."""
    sample = keys(range(0, users, max(users // 500, 1)))
    with Client(address) as client:
        sizes = [client.ask(b"STRLEN", name) for name in sample]
    mean = sum(sizes) / len(sizes)
    return [name.decode() for _, name in sorted(zip((abs(size - mean) for size in sizes), sample))[:count]]
