"""The topic as Kafka itself tells it, by its console consumer: the truth that states are compared with."""

import collections
import re

from .contract import Bad, decode

BYTES = "org.apache.kafka.common.serialization.BytesDeserializer"
# What the consumer prints for null; nothing in the topic is like it.
NULL = "null-of-crash-test"
ESCAPE = re.compile(rb"\\x([0-9A-F]{2})")

# A record that counts: its place, whose it is, and what is folded of it.
Good = collections.namedtuple("Good", "offset user group behavior category")
# One that does not, as it came.
Poor = collections.namedtuple("Poor", "offset key value timestamp_ms reason")


class Partition:
    def __init__(self):
        self.good, self.bad, self.end = [], [], 0


def consumer_arguments(brokers, topic, records):
    """Of kafka-console-consumer.sh: prints each record on a line, all bytes that do not print escaped."""
    arguments = ["--bootstrap-server", brokers, "--topic", topic, "--from-beginning", "--max-messages", str(records)]
    properties = {
        "print.timestamp": "true", "print.partition": "true", "print.offset": "true", "print.key": "true", "print.value": "true",
        "key.deserializer": BYTES, "value.deserializer": BYTES, "key.separator": "\t", "null.literal": NULL,
    }
    for name, value in properties.items():
        arguments += ["--property", f"{name}={value}"]
    return arguments + ["--timeout-ms", "30000"]


def _bytes(text):
    if text == NULL.encode():
        return None
    return ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), text)


def read_topic(path, partitions, catalog, groups):
    """What the console consumer printed, by partition and in the order of offsets."""
    records = [[] for _ in range(partitions)]
    with open(path, "rb") as file:
        for line in file:
            time, partition, offset, key, value = line.rstrip(b"\n").split(b"\t")
            number = int(partition.removeprefix(b"Partition:"))
            records[number].append((int(offset.removeprefix(b"Offset:")), int(time.split(b":")[1]), _bytes(key), _bytes(value)))
    topic = []
    for listed in records:
        listed.sort(key=lambda record: record[0])
        partition = Partition()
        for offset, timestamp_ms, key, value in listed:
            try:
                user, shop, behavior, category = decode(key, value, timestamp_ms, catalog)
                partition.good.append(Good(offset, user, groups.get(shop, 0), behavior, category))
            except Bad as reason:
                partition.bad.append(Poor(offset, key, value, timestamp_ms, str(reason)))
            partition.end = offset + 1
        topic.append(partition)
    return topic
