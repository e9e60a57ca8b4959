"""A topic as Kafka itself tells it, by its console consumer: the truth that states are compared with. Only what is committed counts."""

import collections
import re
import subprocess
import threading
import time

from .contract import Bad, decode
from .processes import Failure, finish, start

BYTES = "org.apache.kafka.common.serialization.BytesDeserializer"
# What the consumer prints for null; nothing in a topic is like it.
NULL = "null-of-crash-test"
ESCAPE = re.compile(rb"\\x([0-9A-F]{2})")
READ_S = 90

# A record as it lies in the log; `headers` as the consumer prints them.
Raw = collections.namedtuple("Raw", "offset timestamp_ms headers key value")
# A good one: what it says, and the group of its shop.
Good = collections.namedtuple("Good", "offset timestamp_ms said group")


class Log:
    """A partition: good and bad records, each in the order of offsets."""

    def __init__(self):
        self.good, self.bad = [], []


def _bytes(text):
    if text == NULL.encode():
        return None
    return ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), text)


def _command(tool, brokers, topic):
    command = [tool, "--bootstrap-server", brokers, "--topic", topic, "--from-beginning", "--isolation-level", "read_committed"]
    properties = {
        "print.timestamp": "true", "print.partition": "true", "print.offset": "true", "print.headers": "true", "print.key": "true",
        "print.value": "true", "key.deserializer": BYTES, "value.deserializer": BYTES, "headers.deserializer": BYTES,
        "key.separator": "\t", "null.literal": NULL,
    }
    for name, value in properties.items():
        command += ["--property", f"{name}={value}"]
    return command


def read(tool, brokers, topic, partitions, is_last, copy):
    """All records of a topic, partition by partition. `is_last` tells of a partition and a record whether nothing follows it; `copy` is a
    file for what the consumer printed. Raises `Failure` where it does not come so far."""
    process = start(_command(tool, brokers, topic), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    threading.Thread(target=process.stderr.read, daemon=True).start()
    alarm = threading.Timer(READ_S, process.kill)
    alarm.start()
    logs = [[] for _ in range(partitions)]
    left = {number for number in range(partitions) if not is_last(number, None)}
    begin = time.monotonic()
    with open(copy, "wb") as file:
        while left and (line := process.stdout.readline()):
            file.write(line)
            timestamp, partition, offset, headers, key, value = line.rstrip(b"\n").split(b"\t")
            number = int(partition.removeprefix(b"Partition:"))
            record = Raw(
                int(offset.removeprefix(b"Offset:")), int(timestamp.split(b":")[1]), headers.decode(errors="replace"), _bytes(key),
                _bytes(value))
            logs[number].append(record)
            if is_last(number, record):
                left.discard(number)
    alarm.cancel()
    process.kill()
    finish(process, 10, "the console consumer")
    if left:
        raise Failure(f"reading {topic} did not come to the end of partitions {sorted(left)} in {time.monotonic() - begin:.0f} s")
    for log in logs:
        log.sort(key=lambda record: record.offset)
    return logs


def judge(logs, catalog, groups):
    """What the contract says of each record."""
    topic = []
    for records in logs:
        log = Log()
        for record in records:
            try:
                said = decode(record.key, record.value, record.timestamp_ms, catalog)
                log.good.append(Good(record.offset, record.timestamp_ms, said, groups.get(said.shop, 0)))
            except Bad:
                log.bad.append(record)
        topic.append(log)
    return topic


class Reading:
    """Reads a topic up to each partition's first record that has the bytes `last` in it, while other things go on."""

    def __init__(self, tool, brokers, topic, partitions, last, copy):
        self.failure = self.logs = None

        def is_last(_number, record):
            return record is not None and record.value is not None and last in record.value

        def work():
            try:
                self.logs = read(tool, brokers, topic, partitions, is_last, copy)
            except Failure as failure:
                self.failure = failure

        self.thread = threading.Thread(target=work, name="reading", daemon=True)
        self.thread.start()

    def result(self):
        self.thread.join()
        if self.failure:
            raise self.failure
        return self.logs
