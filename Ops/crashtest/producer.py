"""A producer of its own process: `python3 producer.py PLAN`, PLAN a JSON object (`publishers.Publisher`). It sends until SIGTERM or until
all is sent, prints what it did as JSON, and ends with 0. What it cannot go on after ends it with 3: whoever started it makes another."""

import json
import os
import pathlib
import random
import signal
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from crashtest.contract import murmur2_partition  # noqa: E402
from crashtest.rdkafka import PRODUCER, Client, KafkaFailure  # noqa: E402
from crashtest.records import Maker  # noqa: E402

CALL_MS = 10_000
# For how long a call is made again that may be.
PATIENCE_S = 40
BATCH = 120


def now_ms():
    return int(time.time() * 1000)


class Producer:
    def __init__(self, plan):
        self.plan, self.random = plan, random.Random(plan["seed"])
        self.maker = Maker(self.random, plan, plan["name"])
        self.told = {"sent": 0, "commits": 0, "aborts": 0}
        self.is_stopping = False
        properties = {
            "bootstrap.servers": plan["brokers"], "acks": "all", "linger.ms": self.random.choice([0, 5, 50]), "socket.timeout.ms": 5000,
            "message.timeout.ms": 20_000, "compression.type": self.random.choice(["none", "lz4", "zstd"]),
            "reconnect.backoff.max.ms": 500, "log_level": 3,
        }
        if plan["transactional"]:
            properties |= {"transactional.id": plan["name"], "transaction.timeout.ms": 20_000}
        else:
            properties["enable.idempotence"] = self.random.choice(["true", "false"])
        self.client = Client(PRODUCER, properties)

    def again(self, call, *arguments):
        """Makes a call until it works, or until it never will."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return call(*arguments)
            except KafkaFailure as failure:
                if not failure.retriable or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def send(self, partition, key, value, timestamp_ms):
        self.client.send(self.plan["topic"], partition, key, value, timestamp_ms)
        self.told["sent"] += 1

    def transaction(self, body, commits):
        """Librdkafka 2.0.2 may send what is aborted into the next transaction, unless it is flushed before."""
        self.client.begin()
        try:
            body()
            self.client.flush(CALL_MS)
            if commits:
                self.again(self.client.commit, CALL_MS)
                self.told["commits"] += 1
        except KafkaFailure as failure:
            if not failure.aborts:
                raise
            commits = False
        if not commits:
            self.client.flush(CALL_MS)
            self.again(self.client.abort, CALL_MS)
            self.told["aborts"] += 1

    def run(self):
        plan = self.plan
        if plan["transactional"]:
            self.again(self.client.init_transactions, CALL_MS)
        pause_s = plan["seconds"] / max(plan["records"] / BATCH, 1)
        while not self.is_stopping and self.told["sent"] < plan["records"]:
            begin = time.monotonic()
            if plan["transactional"]:
                self.transaction(self.batch, self.random.random() < 0.7)
            else:
                self.batch()
            while not self.is_stopping and time.monotonic() < begin + pause_s:
                time.sleep(0.01)
        if not plan["transactional"]:
            self.client.flush(3 * CALL_MS)

    def batch(self):
        for _ in range(self.random.randint(1, 2 * BATCH)):
            self.send(*self.maker.next(now_ms()))

    def finish(self):
        """The last record of each partition, and in some rounds what nobody reads behind it: the markers of its own transaction and an
        aborted one."""
        plan = self.plan

        def last():
            for partition in range(plan["partitions"]):
                self.send(partition, *self.last_record(partition), now_ms())

        if plan["transactional"]:
            self.again(self.client.init_transactions, CALL_MS)
            self.transaction(last, True)
            if not self.told["commits"]:
                raise KafkaFailure("the last records were aborted")
            if plan["aborts_last"]:
                self.transaction(self.batch, False)
        else:
            last()
            self.client.flush(3 * CALL_MS)
            if self.client.undelivered:
                raise KafkaFailure("the last records are not delivered")

    def last_record(self, partition):
        if self.plan["last_is_bad"]:
            return b"key", b"{" + self.plan["last"].encode()
        number = 0
        while murmur2_partition(f"last-{number}".encode(), self.plan["partitions"]) != partition:
            number += 1
        fields = {
            "user_id": f"last-{number}", "shop_id": "1", "type": self.plan["types"][0], "time_ms": now_ms(), "item_id": self.plan["last"]}
        return fields["user_id"].encode(), json.dumps(fields).encode()


def main():
    plan = json.loads(sys.argv[1])
    code = 0
    producer = None
    try:
        producer = Producer(plan)
        signal.signal(signal.SIGTERM, lambda *_: setattr(producer, "is_stopping", True))
        if plan["last"]:
            producer.finish()
        else:
            producer.run()
    except KafkaFailure as failure:
        print(f"{plan['name']}: {failure}", file=sys.stderr)
        code = 3
    if producer:
        print(json.dumps(producer.told), flush=True)
    # Without librdkafka's ending, which may wait for brokers that are gone.
    os._exit(code)


if __name__ == "__main__":
    main()
