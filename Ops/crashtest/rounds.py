"""A round: one broker, one topic, several instances of one group, and what is done to them. All that is chosen follows from the seed;
how the processes meet it does not, so that a seed that failed once may need some tries to fail again."""

import collections
import json
import os
import random
import re
import threading
import time

from .compare import Comparison
from .contract import read_catalog, read_groups
from .processes import Broker, Failure, Instance, kill_all, run
from .topic import consumer_arguments, read_topic

PARTITIONS = 8
TOPIC, GROUP = "behaviors", "crash-test"
SETTLE_S = 120
LAG_S = 60

# What one round is to be.
Plan = collections.namedtuple("Plan", "seed instances events seconds interestd kafka brokers directory")


class Round:
    def __init__(self, plan):
        self.plan = plan
        self.random = random.Random(plan.seed)
        self.counts = collections.Counter()
        self.faults = []
        self.events = self.bad = self.stale = self.users = 0
        self.instances, self.broker = [], None
        self.stopping = threading.Event()
        self.publisher_failure = None
        self.topic = TOPIC if plan.brokers is None else f"{TOPIC}-{plan.seed}-{os.getpid()}"
        self.group = f"{GROUP}-{plan.seed}-{os.getpid()}"

    def path(self, name):
        return f"{self.plan.directory}/{name}"

    def tool(self, name):
        return f"{self.plan.kafka}/bin/{name}.sh"

    def run(self):
        """Raises `Failure` where the round cannot be brought to its end; `faults` are what the comparison found."""
        try:
            self.prepare()
            publisher = threading.Thread(target=self.publish, name="publisher", daemon=True)
            publisher.start()
            try:
                self.disturb()
                publisher.join(180)
                if publisher.is_alive():
                    raise Failure("publishing did not end")
            finally:
                self.stopping.set()
                if publisher.is_alive():
                    kill_all()
                    publisher.join(10)
            if self.publisher_failure:
                raise self.publisher_failure
            ends = self.read_back()
            owners = self.settle(ends)
            self.wait_for_commits(ends)
            self.stop_instances()
            self.compare(owners)
        finally:
            self.clean_up()

    # Before

    def prepare(self):
        plan, choose = self.plan, self.random
        os.makedirs(plan.directory)
        if plan.brokers is None:
            self.broker = Broker(plan.kafka, self.path("broker"))
            for _ in self.broker.resume():
                time.sleep(0.1)
        self.brokers = plan.brokers or self.broker.address
        create = ["--create", "--topic", self.topic, "--partitions", PARTITIONS, "--replication-factor", 1]
        run([self.tool("kafka-topics"), "--bootstrap-server", self.brokers, *create], 60)
        self.kept = choose.choice([1, 3, 32])
        self.make_pieces(choose)
        with open(self.path("behaviors.yaml"), "a", encoding="utf-8") as file:
            file.write("\nkafka:\n  properties:\n    session.timeout.ms: 3000\n    heartbeat.interval.ms: 500\n")
        environment = {
            "INTERESTD_BUFFER__EVENTS": str(choose.choice([1024, 3000, 20_000])),
            "INTERESTD_BUFFER__AGE_MS": str(choose.choice([50, 300, 2000])),
            "INTERESTD_STATE__KEPT_BEHAVIORS": str(self.kept),
        }
        command = [
            plan.interestd, "run", "--config", self.path("behaviors.yaml"), "--brokers", self.brokers, "--topic", self.topic,
            "--group", self.group, "--cluster-map", self.path("groups.csv"),
        ]
        for number in range(plan.instances):
            self.instances.append(Instance(f"instance-{number}", self.path(f"instance-{number}"), command, environment))

    def make_pieces(self, choose):
        """Behaviors in files, late and repeated ones among them; beside those, calls of `interestd synth` that publish bad records too,
        which `interestd produce` refuses to send."""
        count = choose.randint(8, 14)
        self.pieces = []
        users, shops = choose.choice([50, 800, 5000]), choose.choice([200, 5000])
        # The cluster map and the configuration that all pieces share.
        sizes = ["--events", 1, "--users", users, "--shops", shops, "--group-count", 64, "--seed", self.plan.seed]
        files = ["--cluster-map-out", self.path("groups.csv"), "--config-out", self.path("behaviors.yaml")]
        run([self.plan.interestd, "synth", *sizes, *files, "--out", self.path("unused.jsonl")], 60)
        # Each call writes those of its own seed too, which nobody reads.
        unused = ["--cluster-map-out", self.path("unused.csv"), "--config-out", self.path("unused.yaml")]
        for number in range(count):
            synth = [
                self.plan.interestd, "synth", "--events", max(self.plan.events // count, 1), "--users", users, "--shops", shops,
                "--group-count", 64, "--seed", self.plan.seed * 1000 + number, "--late-share", 0.1, "--duplicate-share", 0.05,
            ]
            form = choose.choice(["json", "protobuf"])
            if choose.random() < 0.5:
                file = self.path(f"piece-{number}." + ("jsonl" if choose.random() < 0.5 else "binpb"))
                run([*synth, "--out", file, *unused], 60)
                command = [self.plan.interestd, "produce", "--format", form, file]
            else:
                command = [*synth, "--bad-share", choose.choice([0.01, 0.2]), "--format", form, *unused]
            pause_s = choose.uniform(0, 2 * self.plan.seconds / count)
            self.pieces.append((pause_s, [*command, "--brokers", self.brokers, "--topic", self.topic]))

    # During

    def publish(self):
        """The publisher's thread. A piece that a broker's end broke off is sent again: what counts is what the topic holds."""
        try:
            for pause_s, command in self.pieces:
                if self.stopping.wait(pause_s):
                    return
                for attempt in range(5):
                    try:
                        run(command, 150)
                        break
                    except Failure as failure:
                        self.counts["publishing repeated"] += 1
                        if attempt == 4 or self.stopping.wait(1):
                            raise failure
        except Failure as failure:
            self.publisher_failure = failure

    def disturb(self):
        """The main thread: does to the instances what the seed says, for so many seconds."""
        choose = self.random
        begin = time.monotonic()
        end = begin + self.plan.seconds
        restart_at = begin + self.plan.seconds * choose.uniform(0.3, 0.7) if self.broker else None
        due = {}  # instance -> when it is started again
        for number, instance in enumerate(self.instances):
            due[instance] = begin + (choose.uniform(0, self.plan.seconds / 2) if number and number + 1 == len(self.instances) else 0)
        act_at = begin + choose.uniform(1, 4)
        restart = self.restart_broker(choose.random() < 0.5, choose.uniform(0, 3)) if self.broker else iter(())
        is_restarting = False
        while (now := time.monotonic()) < end or is_restarting:
            for instance in self.instances:
                instance.check()
                if not instance.is_up and now >= due.get(instance, now):
                    instance.start()
                    due.pop(instance, None)
                if instance.paused_until and now >= instance.paused_until:
                    instance.unpause()
            if restart_at and now >= restart_at:
                is_restarting = next(restart, "done") != "done"
            if now >= act_at:
                self.act(choose, due)
                act_at = now + choose.uniform(0.2, 3)
            time.sleep(0.02)
        for instance in self.instances:
            instance.settle()

    def act(self, choose, due):
        instance = choose.choice(self.instances)
        action = choose.choices(["kill", "stop", "pause"], [6, 2, 2])[0]
        down_s = choose.choice([0, choose.uniform(0, 2), choose.uniform(3, 7)])
        if not instance.is_up or action != "kill" and (instance.paused_until or instance.stopping_until):
            return
        due[instance] = time.monotonic() + down_s
        if action == "kill":
            instance.kill()
        elif action == "stop":
            instance.terminate()
        else:
            instance.pause(choose.uniform(0.5, 6))
        self.counts[action + "s"] += 1

    def restart_broker(self, kill, down_s):
        """A generator that goes on each time it is asked, so that instances are disturbed meanwhile."""
        self.counts["broker kills" if kill else "broker stops"] += 1
        yield from self.broker.stop(kill)
        up_at = time.monotonic() + down_s
        while time.monotonic() < up_at:
            yield
        yield from self.broker.resume()

    # After

    def read_back(self):
        """Reads the whole topic by Kafka's own tools. Returns the ends of the partitions' logs."""
        offsets = run([self.tool("kafka-get-offsets"), "--bootstrap-server", self.brokers, "--topic", self.topic], 60).decode()
        ends = {int(p): int(end) for p, end in re.findall(rf"^{re.escape(self.topic)}:(\d+):(\d+)$", offsets, re.M)}
        if len(ends) != PARTITIONS:
            raise Failure(f"kafka-get-offsets tells {ends}")
        arguments = consumer_arguments(self.brokers, self.topic, sum(ends.values()))
        with open(self.path("topic.txt"), "wb") as file:
            run([self.tool("kafka-console-consumer"), *arguments], 180, output=file)
        return ends

    def settle(self, ends):
        """Waits until each partition has one owner, live and applied and durable to the end. Returns instance -> its partitions."""
        deadline = time.monotonic() + SETTLE_S
        seen = []
        while time.monotonic() < deadline:
            seen = []
            for instance in self.instances:
                instance.check()
                seen.append(instance.partitions())
            owned = sorted(number for partitions in seen for number in partitions)
            whole = {number: {"state": "live", "applied": end, "durable": end, "end": end} for number, end in ends.items()}
            if owned == sorted(ends) and all(partitions[number] == whole[number] for partitions in seen for number in partitions):
                return [set(partitions) for partitions in seen]
            time.sleep(0.3)
        raise Failure(f"the group did not settle within {SETTLE_S} s: ends {ends}, instances {seen}")

    def wait_for_commits(self, ends):
        """The group's own report: committed up to the end, everywhere."""
        describe = ["--bootstrap-server", self.brokers, "--describe", "--group", self.group]
        deadline = time.monotonic() + LAG_S
        committed = {}
        while time.monotonic() < deadline:
            text = run([self.tool("kafka-consumer-groups"), *describe], 60).decode()
            committed = {int(p): int(o) for p, o in re.findall(rf"{re.escape(self.topic)}\s+(\d+)\s+(\d+)\s", text)}
            if committed == ends:
                return
        raise Failure(f"offsets are not committed to the end within {LAG_S} s: {committed}, not {ends}")

    def stop_instances(self):
        for instance in self.instances:
            instance.terminate()
        for instance in self.instances:
            while instance.is_up:
                instance.check()
                time.sleep(0.02)
            self.counts["rebalances"] += instance.count("message=\"partitions assigned\"")

    def compare(self, owners):
        catalog = read_catalog(self.path("behaviors.yaml"))
        topic = read_topic(self.path("topic.txt"), PARTITIONS, catalog, read_groups(self.path("groups.csv")))
        self.events = sum(len(partition.good) for partition in topic)
        self.bad = sum(len(partition.bad) for partition in topic)
        comparison = Comparison(topic, catalog, self.kept)
        for instance, owned in zip(self.instances, owners):
            dump = f"{instance.directory}/dump.jsonl"
            with open(dump, "wb") as file:
                run([self.plan.interestd, "dump", "--state", instance.state], 60, output=file)
            comparison.instance(instance.name, dump, f"{instance.state}/dead-letters.jsonl", owned)
        self.faults, self.stale, self.users = comparison.faults, comparison.stale_partitions, comparison.checked_users
        with open(self.path("outcome.json"), "w", encoding="utf-8") as file:
            json.dump({"owners": [sorted(owned) for owned in owners], "kept": self.kept, "faults": self.faults}, file, indent=1)

    def clean_up(self):
        for instance in self.instances:
            if instance.is_up:
                instance.kill()
        if self.broker and self.broker.process.poll() is None:
            for _ in self.broker.stop(kill=True):
                time.sleep(0.02)
