"""Programs that ask a server as fast as they can, or at a rate, and what they tell of it."""

import csv
import io
import re

from crashtest.processes import Failure, run

RUN_S = 120
CALL = "/interest.v1.InterestService/GetSequence"
# The users come by xorshift32 (Marsaglia 2003), another beginning for each thread. wrk tells its percentiles for people, so they are told
# anew.
WRK_SCRIPT = """
local bits = require("bit")
local threads, state = 0, 0
function setup(thread) threads = threads + 1; thread:set("number", threads) end
function init() state = 2463534242 + number end
function request()
  state = bits.bxor(state, bits.lshift(state, 13)); state = bits.bxor(state, bits.rshift(state, 17))
  state = bits.bxor(state, bits.lshift(state, 5))
  return wrk.format("GET", string.format("/v1/users/%012d/sequence", state % USERS * STRIDE))
end
function done(summary, latency)
  print(string.format("told %d %d %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.bytes, summary.errors.status, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
"""


def split(address):
    host, _, port = address.rpartition(":")
    return host, port


def redis_figures(text, requests):
    """Of redis-benchmark --csv."""
    rows = [row for row in csv.DictReader(io.StringIO(text[text.find('"test"') :])) if row.get("rps")]
    if text.find('"test"') < 0 or len(rows) != 1:
        raise Failure(f"redis-benchmark told no figures: {text[-200:].strip() or 'nothing'}")
    row = rows[0]
    return {
        "per_s": float(row["rps"]), "p50_us": float(row["p50_latency_ms"]) * 1e3, "p99_us": float(row["p99_latency_ms"]) * 1e3,
        "greatest_us": float(row["max_latency_ms"]) * 1e3, "requests": requests}


def redis_benchmark(program, address, users, requests, pipeline, tls=False):
    host, port = split(address)
    command = [
        program, "-h", host, "-p", port, "-c", 50, "-r", users, "-n", requests, "-P", pipeline, "--csv", "--precision", 3,
        *(["--tls", "--insecure"] if tls else []), "GET", "__rand_int__"]
    text = run(command, RUN_S).decode(errors="replace")
    return redis_figures(text, requests)


def grpc_body(user):
    """A GetSequenceRequest of one user, with gRPC's prefix: not compressed, four bytes of length."""
    name = user.encode()
    message = b"\x0a" + bytes([len(name)]) + name
    return b"\0" + len(message).to_bytes(4, "big") + message


def h2load_figures(text):
    found = re.search(r"finished in ([\d.]+)(us|ms|s), ([\d.]+) req/s", text)
    counts = re.search(r"requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    if not found or not counts:
        raise Failure(f"h2load told no figures: {text[-200:].strip() or 'nothing'}")
    done, succeeded = int(counts[1]), int(counts[2])
    if succeeded == 0 or succeeded < done:
        raise Failure(f"of {done} calls {done - succeeded} failed")
    traffic = re.search(r"\((\d+)\) data$", text, re.M)
    # An error has the status 200 too, but no message.
    if not traffic or int(traffic[1]) < done * 10:
        raise Failure(f"calls had no messages for answers: {text[-200:].strip()}")
    return {"per_s": float(found[3]), "requests": done, "answer_bytes": int(traffic[1]) / done}


def h2load(program, address, body, requests):
    """As fast as it goes. All are for the one user in the body."""
    command = [
        program, "-c", 10, "-m", 10, "-d", body, "-H", "content-type: application/grpc", "-H", "te: trailers", "-n", requests,
        f"http://{address}{CALL}"]
    return h2load_figures(run(command, RUN_S).decode(errors="replace"))


def wrk_figures(text):
    found = re.search(r"^told (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", text, re.M)
    if not found:
        raise Failure(f"wrk told no figures: {text[-200:].strip() or 'nothing'}")
    requests, duration_us, p50_us, p99_us, size, refused, broken = (int(number) for number in found.groups())
    if refused or broken or requests == 0:
        raise Failure(f"of {requests} requests {refused} were refused, {broken} were broken off")
    return {
        "per_s": requests / duration_us * 1e6, "p50_us": p50_us, "p99_us": p99_us, "answer_bytes": size / requests, "requests": requests}


def wrk(program, address, users, stride, seconds, directory):
    """Of so many users, every `stride`-th of all: those with the first numbers have more events than others."""
    script = directory / "users.lua"
    script.write_text(WRK_SCRIPT.replace("USERS", str(users)).replace("STRIDE", str(stride)), encoding="ascii")
    command = [program, "-t", 1, "-c", 50, "-d", f"{seconds}s", "-s", script, f"http://{address}/"]
    return wrk_figures(run(command, RUN_S).decode(errors="replace"))
