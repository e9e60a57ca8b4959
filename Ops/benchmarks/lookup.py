"""The measurements of `Ops/bench lookup`."""

import contextlib
import shutil
import time

from crashtest.processes import Failure, finish, run, start

from . import loads, machine, resp
from .broker import Broker
from .calls import GRPCCalls, RESPCalls
from .large_users import write_large_users
from .lookup_targets import COLD, HALF, HALF_RATE, INTERESTD, INTERESTD_TLS, REDIS, REDIS_TLS
from .measurements import Measurements
from .metrics import Metrics
from .open_loop import OpenLoop
from .servers import Interestd, Redis, Server, certificate
from .subjects import last_object

USERS, SHOPS, GROUPS, PARTITIONS = 50_000, 100_000, 1_024, 8
EVENTS, INGEST_RATE, LOOKUP_RATE = 5_000_000, 100_000, 10_000
PREPARE_S, CATCH_UP_S = 300, 120
# So long the broker's virtual machine, which shares the processors, compiles what events at a new rate have it do.
SETTLE_S = 10
# As JSON a user takes several times as much: of so many all answers fit into the cache that there is without being asked for.
HTTP_USERS = 8_000
# In the order in which they are run.
ALL = ["resp", "grpc", "http", "process", "large", "ingesting", "flat"]
QUICK = ALL


def in_words(figures):
    """Of a run, while others go on."""
    text = f"{figures['per_s']:,.0f}/s"
    text += f", {figures['cpu_us']:.2f} us of CPU" if "cpu_us" in figures else ""
    return text + (f", p99 {figures['p99_us']:,.0f} us" if "p99_us" in figures else "")


def bench_figures(told, stage):
    """Of one stage of `interestd bench lookup --json`."""
    return {key: told[f"{stage}_{key}"] for key in ("per_s", "cpu_us", "p50_us", "p99_us", "answer_bytes")}


class Lookup(Measurements):
    needs = {"grpc": ["h2load"], "http": ["wrk"], "ingesting": ["Kafka"]}

    def __init__(self, programs, directory, options):
        super().__init__(programs, directory, options)
        self.states = {}
        self.notes.append(
            "Latencies at a rate are counted from when each lookup was due; those of redis-benchmark and wrk, which ask again when they are "
            "answered, from when it was sent.")

    def scaled(self, count):
        return count // 5 if self.options.quick else count

    def seconds(self):
        return 1 if self.options.quick else 3

    def compare(self, name, subjects, repeat=None):
        self.interleave(name, subjects, repeat, rate="per_s", told=in_words)

    # What is served

    def synth(self, name, *arguments):
        """The command, with the files that it writes beside: a catalog and a cluster map."""
        return [
            self.programs.interestd, "synth", "--users", USERS, "--shops", SHOPS, "--group-count", GROUPS, "--cluster-map-out",
            self.directory / f"{name}.csv", "--config-out", self.directory / f"{name}.yaml", *arguments]

    def state(self, events):
        """A compacted state of so many synthetic events, made when it is first asked for."""
        if events not in self.states:
            name = f"events-{events}"
            file = self.directory / f"{name}.binpb"
            begin = time.monotonic()
            run(self.synth(name, "--events", events, "--out", file), PREPARE_S)
            self.states[events] = self.ingest(name, file)
            file.unlink()
            print(f"state of {events:,} events made in {time.monotonic() - begin:.0f} s", flush=True)
        return self.states[events]

    def ingest(self, name, file):
        state = self.directory / f"{name}-state"
        run([
            self.programs.interestd, "ingest", "--config", self.directory / f"{name}.yaml", "--cluster-map", self.directory / f"{name}.csv",
            "--state", state, "--compact", file], PREPARE_S)
        return state

    def serve(self, stack, name, *arguments, tls=None):
        """Of a copy of the state, because a state is opened by one process only."""
        events = self.scaled(EVENTS)
        place = self.directory / f"serve-{name}"
        place.mkdir()
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        shutil.copytree(self.state(events), place / "state")
        settings = (self.directory / f"events-{events}.yaml").read_text(encoding="utf-8")
        if tls:
            settings += f'\ntls: {{ certificate: "{tls[0]}", key: "{tls[1]}" }}\nhttp: {{ tls: none }}\ngrpc: {{ tls: none }}\n'
        (place / "config.yaml").write_text(settings, encoding="utf-8")
        command = ["serve", "--state", place / "state", "--config", place / "config.yaml", *arguments]
        return stack.enter_context(Interestd(self.programs.interestd, place / "log", *command))

    def costing(self, server, load):
        """The load's figures, and what a request cost the server."""

        def measure():
            before = server.cpu_s()
            figures = load()
            return figures | {"cpu_us": (server.cpu_s() - before) * 1e6 / figures["requests"], "peak_rss_mb": server.peak_mb()}

        return measure

    # The measurements

    def resp(self):
        """Beside Redis with the same values, in clear text and over TLS."""
        wanted = ["redis-server", "redis-benchmark", "openssl"]
        for tool in wanted:
            if tool in self.programs.why:
                self.skip(f"resp, {tool}", self.programs.why[tool])
        if "redis-benchmark" in self.programs.why:
            return
        with contextlib.ExitStack() as stack:
            servers = self.resp_servers(stack)
            for name, pipeline, requests in [("pipelined", 16, 600_000), ("single", 1, 200_000)]:
                self.compare(
                    name, {
                        subject: self.costing(server, self.redis_benchmark(address, requests, pipeline, subject))
                        for subject, (server, address) in servers.items()
                    })

    def resp_servers(self, stack):
        """subject -> (server, address); all of them hold, or make, the same values."""
        tools, tls = self.programs.tools, None
        if tools["openssl"]:
            tls = certificate(tools["openssl"], self.directory)
        warm, cold = self.serve(stack, "warm"), self.serve(stack, "cold", "--cache-mb", 0)
        servers = {INTERESTD: (warm, warm.resp), COLD: (cold, cold.resp)}
        resp.warm(warm.resp, USERS)
        if tls:
            secure = self.serve(stack, "tls", tls=tls)
            resp.warm(secure.resp, USERS, tls=True)
            servers[INTERESTD_TLS] = (secure, secure.resp)
        if tools["redis-server"]:
            redis = stack.enter_context(Redis(tools["redis-server"], self.directory / "redis.log", tls))
            count, size = resp.copy_values(warm.resp, redis.resp, USERS)
            self.notes.append(
                f"Redis {machine.package('redis-server')} holds interestd's values of the {count:,} users of {USERS:,} who have any, {size:,.0f} bytes each in the mean.")
            servers[REDIS] = (redis, redis.resp)
            if tls:
                servers[REDIS_TLS] = (redis, redis.resp_tls)
        return servers

    def redis_benchmark(self, address, requests, pipeline, subject):
        program, count = self.programs.tools["redis-benchmark"], self.scaled(requests)
        return lambda: loads.redis_benchmark(program, address, USERS, count, pipeline, tls=subject in (INTERESTD_TLS, REDIS_TLS))

    def grpc(self):
        program = self.programs.tools["h2load"]
        with contextlib.ExitStack() as stack:
            server = self.serve(stack, "grpc")
            bodies = []
            for number, user in enumerate(resp.ordinary_users(server.resp, USERS, 4)):
                bodies.append(self.directory / f"call-{number}")
                bodies[-1].write_bytes(loads.grpc_body(user))
            self.notes.append(
                "gRPC as fast as it goes: h2load sends one body again and again; four users whose answers have the mean size take turns. "
                "At a rate: random users, and a client of our own, as h2load sends in bursts a hundredth of a second apart.")

            def fast():
                parts = [loads.h2load(program, server.grpc, body, self.scaled(60_000)) for body in bodies]
                requests = sum(part["requests"] for part in parts)
                return {
                    "requests": requests, "per_s": requests / sum(part["requests"] / part["per_s"] for part in parts),
                    "answer_bytes": min(part["answer_bytes"] for part in parts)}

            def half():
                calls = OpenLoop(GRPCCalls, server.grpc, USERS, HALF_RATE)
                calls.start()
                time.sleep(self.seconds())
                calls.stop()
                return self.checked(calls)

            self.compare("grpc", {INTERESTD: self.costing(server, fast), HALF: self.costing(server, half)})

    def http(self):
        with contextlib.ExitStack() as stack:
            server = self.serve(stack, "http")

            def load(seconds):
                program, stride = self.programs.tools["wrk"], USERS // HTTP_USERS
                return loads.wrk(program, server.http, HTTP_USERS, stride, seconds, self.directory)

            load(2)
            self.notes.append(f"HTTP: {HTTP_USERS:,} of the users at random, whose answers as JSON fit into the cache together.")
            self.compare("http", {INTERESTD: self.costing(server, lambda: load(self.seconds()))})

    def checked(self, lookups):
        note = "A client at a steady rate had no priority over what was measured: its times hold its own waits too."
        if not lookups.has_priority and note not in self.notes:
            self.notes.append(note)
        return lookups.figures()

    def bench(self, *arguments):
        command = [
            self.programs.interestd, "bench", "lookup", "--cache-mb", 0, "--seconds", self.seconds(), "--directory", self.directory,
            "--json", *arguments]
        return last_object(run(command, PREPARE_S).decode(), "interestd bench lookup")

    def process(self):
        """One run measures both."""
        stages = {}

        def take(stage):
            if stage not in stages:
                told = self.bench("--events", self.scaled(EVENTS))
                stages.update({name: bench_figures(told, name) for name in ("hot", "compacted")})
            return stages.pop(stage)

        self.compare("process", {stage: lambda stage=stage: take(stage) for stage in ("hot", "compacted")})

    def large(self):
        run(self.synth("large", "--events", 1, "--out", self.directory / "one.binpb"), PREPARE_S)
        file = self.directory / "large.jsonl"
        write_large_users(file, self.directory / "large.csv", users=20 if self.options.quick else 100, groups=5_000)
        state = self.ingest("large", file)
        file.unlink()
        self.compare("large", {"5,000 groups": lambda: bench_figures(self.bench("--state", state, "--groups", 100), "state")})

    def flat(self):
        """Whole sequences grow with the number of events until users have all groups and behaviors that are kept; parts do not."""
        few, many = (self.scaled(events) for events in (1_000_000, 20_000_000))
        subjects = {}
        for words, part in [("whole", []), ("5 groups of 2", ["--groups", 5, "--behaviors", 2])]:
            for events in (few, many):
                subjects[f"{events:,} events, {words}"] = (
                    lambda events=events, part=part: bench_figures(self.bench("--state", self.state(events), *part), "state"))
        self.compare("flat", subjects, repeat=1)
        for words in ("whole", "5 groups of 2"):
            ratio = self.runs.ratio("flat", f"{many:,} events, {words}", [f"{few:,} events, {words}"], "per_s")
            if ratio is not None:
                self.notes.append(f"Lookups/s of {many:,} events against {few:,}, {words}: {ratio:.2f} times.")

    def ingesting(self):
        """The state that there is, from the topic, and then events and lookups at their rates."""
        with Broker(self.programs.kafka, self.directory / "broker") as broker:
            broker.create("lookups", PARTITIONS)
            before = self.scaled(EVENTS)
            destination = ["--brokers", broker.address, "--topic", "lookups"]
            run(self.synth("ingesting", "--events", before, *destination), PREPARE_S)
            command = [
                "run", "--state", self.directory / "ingesting-state", "--config", self.directory / "ingesting.yaml", "--cluster-map",
                self.directory / "ingesting.csv", *destination]
            with Interestd(self.programs.interestd, self.directory / "ingesting.log", *command) as server:
                await_behaviors(server, before)
                # Of all parts this differs most from round to round: a broker, a producer and a client are on the same processors.
                rounds = self.options.repeat if self.options.quick else max(self.options.repeat, 5)
                self.compare("ingesting", {INTERESTD: lambda: self.look_while_producing(server, destination)}, rounds)

    def look_while_producing(self, server, destination):
        seconds = 5 if self.options.quick else 10
        settle = 2 if self.options.quick else SETTLE_S
        events = INGEST_RATE * (settle + seconds + 2)
        log = self.directory / "producer.log"
        with open(log, "wb") as output:
            # Other events of the same users: the catalog and the map are written again as they are.
            command = self.synth("producer", "--events", events, "--rate", INGEST_RATE, "--seed", 8, *destination)
            producer = start(command, stdout=output, stderr=output)
        lookups = OpenLoop(RESPCalls, server.resp, USERS, LOOKUP_RATE)
        try:
            time.sleep(settle)
            first, begin = behaviors(server), time.monotonic()
            lookups.start()
            time.sleep(seconds)
            # Before anything else: reading metrics would hold up the client, which is a thread of this program.
            lookups.stop()
            rate = (behaviors(server) - first) / (time.monotonic() - begin)
            was_producing = producer.poll() is None
        finally:
            if lookups.thread.is_alive():
                lookups.stop()
            producer.terminate()
            finish(producer, 30, "the producer")
        if not was_producing:
            raise Failure(f"the producer ended before the lookups: {log.read_text(encoding='utf-8')[-300:].strip()}")
        return self.checked(lookups) | {"events_per_s": rate, "peak_rss_mb": server.peak_mb()}


def behaviors(server):
    return Metrics.of(server.http).total("interestd_behaviors_total") or 0


def await_behaviors(server: Server, count):
    deadline = time.monotonic() + CATCH_UP_S
    while behaviors(server) < count:
        server.cpu_s()  # It raises where the server has ended.
        if time.monotonic() > deadline:
            raise Failure(f"{server.name} took {behaviors(server):,.0f} events of {count:,} within {CATCH_UP_S} s")
        time.sleep(0.1)
