"""A round: a topic of its own, several instances of one group, and what is done to them. All that is chosen follows from the seed; how
the processes meet it does not, so that a seed that failed once may need some tries to fail again."""

import collections
import json
import os
import random
import re
import time

from . import letters
from .compare import Comparison
from .contract import read_catalog, read_groups
from .disturb import Disturbance
from .fold import DuplicateLimits
from .instances import Instance
from .processes import Failure, run
from .publishers import Pieces, Publisher
from .rdkafka import KafkaFailure, stable_ends
from .topic import Reading, judge, read

PARTITIONS = 8
SETTLE_S, LAG_S, ENDS_S = 120, 60, 60
LOOKUPS = 60

# What one round is to be; `cluster` is None where `brokers` are not ours.
Plan = collections.namedtuple("Plan", "seed instances events seconds interestd kafka cluster brokers directory")


class Round:
    def __init__(self, plan):
        self.plan = plan
        self.random = random.Random(plan.seed)
        self.counts = collections.Counter()
        self.faults, self.seconds = [], {}
        self.events = self.bad = self.stale = self.users = self.duplicates = 0
        self.instances, self.publishers, self.pieces = [], [], None
        self.topic = f"behaviors-{plan.seed}-{os.getpid()}"
        self.group = f"crash-test-{plan.seed}-{os.getpid()}"

    def path(self, name):
        return f"{self.plan.directory}/{name}"

    def tool(self, name):
        return f"{self.plan.kafka}/bin/{name}.sh"

    def run(self):
        """Raises `Failure` where the round cannot be brought to its end; `faults` are what the comparison found."""
        plan = self.plan
        try:
            self.timed("prepare", self.prepare)
            self.disturb()
            last = self.timed("publish last", self.publish_last)
            reading = Reading(
                self.tool("kafka-console-consumer"), plan.brokers, self.topic, PARTITIONS, last, self.path("topic.txt"))
            ends = self.timed("ends", self.ends, self.topic)
            comparison = self.timed("read", lambda: self.judge(reading.result()))
            owners = self.timed("settle", self.settle, ends)
            self.timed("commits", self.wait_for_commits, ends)
            owners = self.timed("look up", self.look_up, comparison, ends)
            self.timed("end", self.end_instances)
            self.timed("compare", self.compare, comparison, owners)
        finally:
            self.clean_up()

    def timed(self, name, work, *arguments):
        begin = time.monotonic()
        try:
            return work(*arguments)
        finally:
            self.seconds[name] = round(time.monotonic() - begin, 1)

    # Before

    def prepare(self):
        plan, choose = self.plan, self.random
        os.makedirs(plan.directory)
        replicas = 1 if plan.cluster is None else min(plan.cluster.count, 3)
        create = ["--create", "--topic", self.topic, "--partitions", PARTITIONS, "--replication-factor", replicas]
        create += ["--config", f"min.insync.replicas={min(replicas, 2)}"]
        run([self.tool("kafka-topics"), "--bootstrap-server", plan.brokers, *create], 60)
        self.kept = choose.choice([1, 3, 32])
        self.limits = DuplicateLimits(choose.choice([100, 1000, 1_000_000]), choose.choice([300, 3000, 3_600_000]))
        self.has_dead_topic = choose.random() < 0.8
        self.users, self.shops = choose.choice([50, 800, 5000]), choose.choice([200, 5000])
        self.make_files()
        self.make_instances()
        self.make_publishers()

    def make_files(self):
        """The cluster map and the configuration that all share."""
        sizes = ["--events", 1, "--users", self.users, "--shops", self.shops, "--group-count", 64, "--seed", self.plan.seed]
        files = ["--cluster-map-out", self.path("groups.csv"), "--config-out", self.path("behaviors.yaml")]
        run([self.plan.interestd, "synth", *sizes, *files, "--out", self.path("unused.jsonl")], 60)
        with open(self.path("behaviors.yaml"), "a", encoding="utf-8") as file:
            file.write("\nkafka:\n  properties:\n    session.timeout.ms: 3000\n    heartbeat.interval.ms: 500\n")
        self.catalog, self.groups = read_catalog(self.path("behaviors.yaml")), read_groups(self.path("groups.csv"))

    def make_instances(self):
        plan, choose = self.plan, self.random
        self.environment = {
            "INTERESTD_BUFFER__EVENTS": str(choose.choice([1024, 3000, 20_000])),
            "INTERESTD_BUFFER__AGE_MS": str(choose.choice([50, 300, 2000])),
            "INTERESTD_STATE__KEPT_BEHAVIORS": str(self.kept),
        }
        self.environment["INTERESTD_DUPLICATES__OFFSETS"] = str(self.limits.offsets)
        self.environment["INTERESTD_DUPLICATES__TIME_MS"] = str(self.limits.time_ms)
        self.environment["INTERESTD_DEAD_LETTERS__TO"] = "topic" if self.has_dead_topic else "file"
        self.command = [
            plan.interestd, "run", "--config", self.path("behaviors.yaml"), "--brokers", plan.brokers, "--topic", self.topic,
            "--group", self.group, "--cluster-map", self.path("groups.csv"),
        ]
        for _ in range(plan.instances):
            self.make_instance()

    def make_instance(self):
        name = f"instance-{len(self.instances)}"
        self.instances.append(Instance(name, self.path(name), self.command, self.environment))

    def make_publishers(self):
        """A third of the records each: a plain producer, a transactional one, interestd's own commands."""
        plan = self.plan
        records = {
            "brokers": plan.brokers, "topic": self.topic, "partitions": PARTITIONS, "users": self.users,
            "shops": sorted(self.groups)[:500], "types": sorted(self.catalog),
            "window": [self.limits.offsets, self.limits.time_ms], "skewed": self.random.random() < 0.3,
            "records": plan.events // 3, "seconds": plan.seconds,
        }
        for number, transactional in enumerate((False, True)):
            name = f"{'transactional' if transactional else 'plain'}-{self.topic}"
            own = {"name": name, "transactional": transactional, "seed": plan.seed * 1000 + number * 500}
            self.publishers.append(Publisher(records | own, self.path("producers.log"), self.counts))

    def make_pieces(self):
        """Calls of `interestd synth` that publish bad records too, of `interestd produce`, which refuses those, and of `interestd erase`."""
        plan, choose = self.plan, self.random
        count = choose.randint(3, 5)
        unused = ["--cluster-map-out", self.path("unused.csv"), "--config-out", self.path("unused.yaml")]
        pieces = []
        for number in range(count):
            synth = [
                plan.interestd, "synth", "--events", max(plan.events // 3 // count, 1), "--users", self.users, "--shops", self.shops,
                "--group-count", 64, "--seed", plan.seed * 1000 + number, "--late-share", 0.1, "--duplicate-share", 0.05,
            ] + (["--event-ids"] if choose.random() < 0.5 else [])
            form = choose.choice(["json", "protobuf"])
            if choose.random() < 0.5:
                file = self.path(f"piece-{number}." + ("jsonl" if choose.random() < 0.5 else "binpb"))
                run([*synth, "--out", file, *unused], 60)
                command = [plan.interestd, "produce", "--format", form, file]
            else:
                command = [*synth, "--bad-share", choose.choice([0.01, 0.2]), "--format", form, *unused]
            pause_s = choose.uniform(0, 1.5 * plan.seconds / count)
            pieces.append((pause_s, [*command, "--brokers", plan.brokers, "--topic", self.topic]))
            erased = [f"{choose.randrange(self.users):012d}" for _ in range(3)]
            erase = [plan.interestd, "erase", "--config", self.path("behaviors.yaml")]
            pieces.append((0, [*erase, "--brokers", plan.brokers, "--topic", self.topic, *erased]))
        return pieces

    # During

    def disturb(self):
        plan = self.plan
        self.pieces = Pieces(self.make_pieces(), self.counts)
        for publisher in self.publishers:
            publisher.start()
        disturbance = Disturbance(
            self.random, plan.seconds, self.instances, self.make_instance, plan.cluster, self.publishers, self.counts)
        self.timed("disturb", disturbance.run)
        for publisher in self.publishers:
            self.timed(f"stop {publisher.plan['name'].split('-')[0]}", publisher.stop)
        self.timed("pieces", self.pieces.join)

    def publish_last(self):
        choose = self.random
        changes = {"last_is_bad": choose.random() < 0.3, "aborts_last": choose.random() < 0.5}
        return choose.choice(self.publishers).publish_last(**changes).encode()

    # After

    def ends(self, topic):
        try:
            return dict(enumerate(stable_ends(self.plan.brokers, topic, PARTITIONS, ENDS_S)))
        except KafkaFailure as failure:
            raise Failure(f"the ends of {topic} are not known: {failure}") from failure

    def settle(self, ends):
        """Waits until each partition has one owner, live and applied and durable to the end. Returns instance -> its partitions."""
        deadline = time.monotonic() + SETTLE_S
        whole = {number: {"state": "live", "applied": end, "durable": end, "end": end} for number, end in ends.items()}
        seen = {}
        while time.monotonic() < deadline:
            seen = {}
            for instance in self.instances:
                instance.check()
                if not instance.is_gone:
                    seen[instance] = instance.partitions()
            owned = sorted(number for partitions in seen.values() for number in partitions)
            # While a member has nothing it has not joined yet: there are more partitions than members.
            if owned == sorted(ends) and all(seen.values()) and self.are(seen, whole):
                return {instance: set(partitions) for instance, partitions in seen.items()}
            time.sleep(0.1)
        told = {instance.name: partitions for instance, partitions in seen.items()}
        raise Failure(f"the group did not settle within {SETTLE_S} s: ends {ends}, instances {told}")

    @staticmethod
    def are(seen, whole):
        return all(found[number] == whole[number] for found in seen.values() for number in found)

    def wait_for_commits(self, ends):
        """The group's own report: committed up to the end, everywhere."""
        describe = ["--bootstrap-server", self.plan.brokers, "--describe", "--group", self.group]
        deadline = time.monotonic() + LAG_S
        committed = {}
        while time.monotonic() < deadline:
            text = run([self.tool("kafka-consumer-groups"), *describe], 60).decode()
            committed = {int(p): int(o) for p, o in re.findall(rf"{re.escape(self.topic)}\s+(\d+)\s+(\d+)\s", text)}
            if committed == ends:
                return
        raise Failure(f"offsets are not committed to the end within {LAG_S} s: {committed}, not {ends}")

    def judge(self, logs):
        self.log = judge(logs, self.catalog, self.groups)
        comparison = Comparison(self.log, self.catalog, self.kept, self.limits)
        self.faults = comparison.faults
        self.events = sum(len(log.good) for log in self.log)
        self.bad = sum(len(log.bad) for log in self.log)
        self.duplicates = comparison.duplicates
        self.counts["erasures"] += sum(record.said.is_erasure for log in self.log for record in log.good)
        return comparison

    def look_up(self, comparison, ends):
        """Some users, of the owners of their partitions and of whoever else is there. Returns instance -> its partitions, as they were all
        the while."""
        users = sorted({record.said.user for log in self.log for record in log.good})
        users = self.random.sample(users, min(LOOKUPS, len(users)))
        for _ in range(5):
            owners, found = self.settle(ends), comparison.copy()
            for user in users:
                self.look_up_user(found, owners, user)
            if owners == self.settle(ends):
                comparison.faults += found.faults
                return owners
        raise Failure(f"partitions move on: last {self.named(owners)}")

    def look_up_user(self, comparison, owners, user):
        number = comparison.partition(user)
        owner = next(instance for instance, partitions in owners.items() if number in partitions)
        for instance in {owner, self.random.choice(list(owners))}:
            try:
                comparison.lookup(instance.name, user, instance.lookup(user))
            except OSError as error:
                comparison.fault(f"{instance.name}, lookup", f"user {user} of partition {number}: {error}")

    @staticmethod
    def named(owners):
        return {instance.name: sorted(partitions) for instance, partitions in owners.items()}

    def end_instances(self):
        """All at once. Killed, they keep what the group had given them."""
        self.are_killed = self.random.random() < 0.5
        up = [instance for instance in self.instances if instance.is_up]
        for instance in up:
            if self.are_killed:
                instance.kill()
            else:
                instance.terminate()
        for instance in self.instances:
            while instance.is_up:
                instance.check()
                time.sleep(0.02)
            self.counts["rebalances"] += instance.count("message=\"partitions assigned\"")
            self.counts["stops without all kept"] += instance.unkept

    def compare(self, comparison, owners):
        for instance in self.instances:
            owned = owners.get(instance, set())
            if not os.path.exists(instance.state):
                continue
            whole = self.dump(instance, "--all-partitions")
            is_told = self.are_killed and instance in owners
            comparison.instance(instance.name, whole, self.dump(instance) if is_told else None, owned)
            if not self.has_dead_topic:
                letters.check_file(f"{instance.state}/dead-letters.jsonl", instance.name, self.log, owned, comparison.fault)
        if self.has_dead_topic:
            self.compare_letters(comparison)
        self.stale, self.users = comparison.stale_partitions, comparison.checked_users
        with open(self.path("outcome.json"), "w", encoding="utf-8") as file:
            outcome = {"owners": self.named(owners), "kept": self.kept, "limits": self.limits, "environment": self.environment}
            outcome |= {"seconds": self.seconds, "faults": self.faults}
            json.dump(outcome, file, indent=1)

    def dump(self, instance, *flags):
        path = f"{instance.directory}/dump{len(flags)}.jsonl"
        with open(path, "wb") as file:
            run([self.plan.interestd, "dump", "--state", instance.state, *flags], 60, output=file)
        return path

    def compare_letters(self, comparison):
        dead = f"{self.topic}.dead"
        ends = self.ends(dead)
        found = read(
            self.tool("kafka-console-consumer"), self.plan.brokers, dead, PARTITIONS,
            lambda number, record: ends[number] == (0 if record is None else record.offset + 1), self.path("dead.txt"))
        again = letters.check_topic(found, self.topic, self.log, comparison.fault)
        self.counts["letters repeated"] += again

    def clean_up(self):
        if self.pieces:
            self.pieces.stop()
        for publisher in self.publishers:
            publisher.kill()
        for instance in self.instances:
            if instance.is_up:
                instance.kill()
