#!/usr/bin/env python3
"""Asks one instance for more than it may have under way, takes its descriptors, or asks it while it stops.

usage: overload.py crowd INSTANCE TEXT...          each of the texts must be among the refusals
       overload.py drain INSTANCE PID PROTOCOL     sends the SIGTERM
       overload.py slow INSTANCE PID PROTOCOL      likewise, while a client takes a long reply slowly
       overload.py ended INSTANCE PROTOCOL         by a client that sends, and ends its side
       overload.py descriptors INSTANCE PID        as many as it may have are set already

INSTANCE is `name http=HOST:PORT grpc=HOST:PORT resp=HOST:PORT`. The sample is what it serves.
"""
import concurrent.futures
import os
import signal
import socket
import sys
import threading
import time

from instance_clients import PROTOBUF, Gone, Instance, Refused, Retryable

USERS = ["1062", "1879", "nobody"]
BATCH = (USERS * 334)[:1000]


class Failure(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Failure(what)


ASKS = {
    "http": (lambda it: it.http.batch(BATCH, PROTOBUF), lambda it: it.http.sequence("1062")),
    "grpc": (lambda it: it.grpc.batch(BATCH), lambda it: it.grpc.sequence("1062")),
    "resp": (lambda it: it.resp.ask("MGET", *BATCH), lambda it: it.resp.sequence("1062")),
}


def crowd(line, *texts):
    """Batches beyond the limits are refused at once, the others answered whole, and single users always."""
    instance = Instance(line)
    right = {protocol: (batch(instance), one(instance)) for protocol, (batch, one) in ASKS.items()}
    before = refusals(instance)
    seen, lock, failures, ended = [], threading.Lock(), [], threading.Event()

    def batches(protocol):
        own = instance.again()
        outcomes = [0, 0]
        for _ in range(6):
            began = time.monotonic()
            try:
                require(ASKS[protocol][0](own) == right[protocol][0], f"{protocol}: a wrong batch")
                outcomes[0] += 1
            except Retryable as error:
                require(time.monotonic() - began < 3, f"{protocol}: refused after {time.monotonic() - began} s")
                outcomes[1] += 1
                with lock:
                    seen.append(str(error))
        own.close()
        return outcomes

    def singles(protocol):
        own = instance.again()
        while not ended.is_set():
            try:
                require(ASKS[protocol][1](own) == right[protocol][1], f"{protocol}: a wrong answer")
            except (Failure, Refused, Retryable, Gone) as error:
                failures.append(f"{protocol}: {error!r}")
        own.close()

    others = [threading.Thread(target=singles, args=(protocol,)) for protocol in ASKS]
    for thread in others:
        thread.start()
    try:
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            outcomes = list(pool.map(batches, [*ASKS] * 4))
    finally:
        ended.set()
        for thread in others:
            thread.join()
    require(not failures, failures[:3])
    require(sum(good for good, _ in outcomes) > 0, "no batch was answered")
    for text in texts:
        require(any(text in refusal for refusal in seen), f"nobody was refused with '{text}' but {seen[:3]}")
    require(refusals(instance) - before == len(seen), f"{len(seen)} refusals are counted as {refusals(instance)}")
    for protocol, (batch, _) in ASKS.items():
        require(batch(instance) == right[protocol][0], f"{protocol}: a wrong batch afterwards")


def metric(instance, name):
    lines = instance.http.ask("/metrics").decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))


def refusals(instance):
    return metric(instance, "interestd_refused_requests_total")


# Drain


def resp_command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)


def requests(protocol):
    if protocol == "resp":
        return resp_command("GET", "1062") + resp_command("MGET", *BATCH[:40]) + resp_command("GET", "1879"), 3
    body = ('{"users":["' + '","'.join(BATCH[:40]) + '"]}').encode()
    get = b"GET /v1/users/1062/sequence HTTP/1.1\r\nHost: a\r\n\r\n"
    post = b"POST /v1/sequences:batchGet HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    return get + post + get, 3


def read_resp(file):
    """One reply; None at an end where none has begun."""
    head = file.readline()
    if not head:
        return None
    require(head.endswith(b"\r\n"), f"cut short: {head}")
    if head[:1] == b"*":
        return [read_resp(file) for _ in range(int(head[1:]))]
    require(head[:1] == b"$", f"{head}")
    size = int(head[1:])
    if size < 0:
        return b""
    value = file.read(size + 2)
    require(len(value) == size + 2, f"a value of {size} bytes is cut short at {len(value)}")
    return value


def read_http(file):
    head = file.readline()
    if not head:
        return None
    length = None
    require(head.startswith(b"HTTP/1.1 200"), f"{head}")
    while (line := file.readline()) != b"\r\n":
        require(line.endswith(b"\r\n"), f"a header is cut short: {line}")
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    body = file.read(length)
    require(len(body) == length, f"a body of {length} bytes is cut short at {len(body)}")
    return body


def drain(line, pid, protocol):
    """No answer is cut short, and no connection broken off in the middle of one."""
    address = dict(field.split("=", 1) for field in line.split()[1:])[protocol]
    host, port = address.rsplit(":", 1)
    read = {"resp": read_resp, "http": read_http}[protocol]
    stopping = threading.Event()

    def ask():
        answers, request = 0, requests(protocol)
        connection = socket.create_connection((host, int(port)), 20)
        file = connection.makefile("rb")
        first = None
        while True:
            try:
                connection.sendall(request[0])
            except (BrokenPipeError, ConnectionResetError):
                require(stopping.is_set(), "broken off before the end")
            got = []
            while len(got) < request[1] and (answer := read(file)) is not None:
                got.append(answer)
            first = first or got
            require(got == first[: len(got)], "a wrong answer")
            answers += len(got)
            if len(got) < request[1]:
                require(stopping.is_set(), "ended before the end")
                return answers

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(ask) for _ in range(8)]
        time.sleep(0.5)
        stopping.set()
        os.kill(int(pid), signal.SIGTERM)
        answers = [client.result(20) for client in clients]
    require(min(answers) > 3, f"{answers}")
    try:
        socket.create_connection((host, int(port)), 5)
        raise Failure("connections are still let in")
    except ConnectionRefusedError:
        pass


def long_requests(protocol, count, users):
    """So many requests of so many users each, which wait for the batch threads."""
    if protocol == "resp":
        return count * resp_command("MGET", *BATCH[:users])
    body = ('{"users":["' + '","'.join(BATCH[:users]) + '"]}').encode()
    return count * (b"POST /v1/sequences:batchGet HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def connect(line, protocol):
    address = dict(field.split("=", 1) for field in line.split()[1:])[protocol]
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), 20)


class Paced:
    """A socket's bytes, at so many a second."""

    def __init__(self, connection, rate):
        self.connection, self.rate, self.got, self.bytes = connection, rate, 0, b""
        self.began = time.monotonic()

    def more(self):
        ahead_s = self.got / self.rate - (time.monotonic() - self.began)
        if ahead_s > 0:
            time.sleep(ahead_s)
        piece = self.connection.recv(1 << 16)
        self.got += len(piece)
        self.bytes += piece
        return piece

    def readline(self):
        while b"\n" not in self.bytes and self.more():
            pass
        return self.read(self.bytes.find(b"\n") + 1)

    def read(self, size):
        while len(self.bytes) < size and self.more():
            pass
        taken, self.bytes = self.bytes[:size], self.bytes[size:]
        return taken


READ = {"resp": read_resp, "http": read_http}


def slow(line, pid, protocol):
    """A client that goes on to take its replies for longer than a silent one is waited for gets all of them."""
    connection = connect(line, protocol)
    connection.sendall(long_requests(protocol, 1, 100))
    first = READ[protocol](connection.makefile("rb"))
    size = len(first) if protocol == "http" else sum(len(value) for value in first)
    count = max(2, 40_000_000 // size)
    connection.sendall(long_requests(protocol, count, 100))
    paced = Paced(connection, count * size / 5)
    for index in range(count):
        require(READ[protocol](paced) == first, f"reply {index} of {count} is another")
        if index == 0:
            os.kill(int(pid), signal.SIGTERM)
            stopped = time.monotonic()
    require(time.monotonic() - stopped > 3, "the replies were not slow")
    require(READ[protocol](paced) is None, "there is more")


def ended(line, protocol):
    """A client that ends its side gets all replies, those that wait for other threads too."""
    whole = connect(line, protocol)
    whole.sendall(long_requests(protocol, 1, 300))
    right = READ[protocol](whole.makefile("rb"))
    for count in (1, 3):
        connection = connect(line, protocol)
        connection.sendall(long_requests(protocol, count, 300))
        connection.shutdown(socket.SHUT_WR)
        file = connection.makefile("rb")
        require(all(READ[protocol](file) == right for _ in range(count)), "a wrong answer")
        require(READ[protocol](file) is None, "there is more")


# Descriptors


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def descriptors(line, pid):
    """Who is there is answered, at no cost of waiting; who comes waits, and is answered when there is room."""
    instance = Instance(line)
    right = {protocol: one(instance) for protocol, (_, one) in ASKS.items()}
    for protocol, address in instance.addresses.items():
        host, port = address.rsplit(":", 1)
        crowd = [socket.create_connection((host, int(port)), 5) for _ in range(60)]
        label = f'interestd_accept_pauses_total{{port="{protocol}"}}'
        end = time.monotonic() + 10
        while metric(instance, label) == 0 and time.monotonic() < end:
            time.sleep(0.02)
        require(metric(instance, label) > 0, f"{protocol} never paused")
        before = cpu_s(pid)
        time.sleep(1)
        require(cpu_s(pid) - before < 0.3, f"{protocol}: {cpu_s(pid) - before} s of CPU in a second of waiting")
        for name, (_, one) in ASKS.items():
            for _ in range(20):
                require(one(instance) == right[name], f"a wrong {name} answer while {protocol} is full")
        late = instance.again()
        waiting = concurrent.futures.ThreadPoolExecutor(1)
        answer = waiting.submit(lambda: ASKS[protocol][1](late))
        time.sleep(0.3)
        require(not answer.done(), f"{protocol}: somebody came in: {answer}")
        for connection in crowd:
            connection.close()
        require(answer.result(10) == right[protocol], f"{protocol}: a wrong answer to who came late")
        late.close()


def main():
    check = {check.__name__: check for check in (crowd, drain, slow, ended, descriptors)}[sys.argv[1]]
    try:
        check(*sys.argv[2:])
    except (Failure, Gone, Refused, Retryable, OSError) as failure:
        sys.exit(f"{sys.argv[1:2]}: {failure!r}")


main()
