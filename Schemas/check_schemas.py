#!/usr/bin/env python3
"""Holds the schemas, their examples and our codecs against protoc, Python's protobuf, jsonschema and json.

usage: check_schemas.py examples             the files under Schemas/
       check_schemas.py exchange DIRECTORY   behaviors.binpb and behaviors.jsonl there, written by us, are read and
                                             compared; python.binpb and python.jsonl are written, for us to read
       check_schemas.py sequences DIRECTORY  sequences.binpb and sequences.jsonl there, written by us, are the same, byte for
                                             byte as Python writes them, and an old client reads them
       check_schemas.py answers FILE         our JSON lines of sequences by some fields follow the schema
       check_schemas.py verdicts FILE        our JSON parser's verdicts: lines of {"base64":..., "malformed":...}

needs: protoc, and Python's protobuf and jsonschema (Debian: protobuf-compiler python3-protobuf python3-jsonschema)
"""
import base64
import json
import pathlib
import subprocess
import sys
import tempfile

import jsonschema
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SCHEMAS = pathlib.Path(__file__).resolve().parent
TYPES = {"click": 1, "order": 2, "like": 3, "leave": 255}
FIELDS = ["user_id", "shop_id", "type", "time_ms", "dwell_ms", "spend_micros", "event_id", "item_id"]
NUMBERS = {"time_ms", "dwell_ms", "spend_micros"}


def require(condition, message):
    if not condition:
        sys.exit(f"check_schemas.py: {message}")


# Protobuf


def messages():
    """The message classes of all .proto files, by name. From descriptors: generated code has to match the runtime."""
    files = sorted(str(path.relative_to(SCHEMAS)) for path in SCHEMAS.rglob("*.proto"))
    with tempfile.NamedTemporaryFile() as output:
        command = ["protoc", f"--proto_path={SCHEMAS}", "--include_imports", f"--descriptor_set_out={output.name}"]
        subprocess.run(command + files, check=True)
        descriptors = descriptor_pb2.FileDescriptorSet.FromString(output.read())
    pool = descriptor_pool.DescriptorPool()
    for file in descriptors.file:
        pool.Add(file)

    def message(name):
        descriptor = pool.FindMessageTypeByName(f"interest.v1.{name}")
        if hasattr(message_factory, "GetMessageClass"):
            return message_factory.GetMessageClass(descriptor)
        return message_factory.MessageFactory(pool).GetPrototype(descriptor)

    methods = pool.FindServiceByName("interest.v1.InterestService").methods
    require(
        [method.name for method in methods] == ["GetSequence", "BatchGetSequences", "GetGroups", "Describe"],
        "the service's methods are not the expected ones",
    )
    return message


def varint(value):
    encoded = bytearray()
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes(encoded) + bytes([value])


def delimited(path):
    """The messages of a file in which each follows its length."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        size = shift = 0
        while True:
            byte = data[at]
            at += 1
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        require(at + size <= len(data), f"{path} ends inside a message")
        found.append(data[at : at + size])
        at += size
    return found


# JSON


class Object(list):
    """An object as its pairs, equal keys too."""


def strict(text):
    """RFC 8259, unlike Python's own: without NaN and Infinity. Numbers stay text."""

    def refuse(constant):
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse, parse_int=str, parse_float=str, object_pairs_hook=Object)


def has_half_pairs(value):
    if isinstance(value, str):
        return any(0xD800 <= ord(character) < 0xE000 for character in value)
    return isinstance(value, (list, tuple)) and any(has_half_pairs(part) for part in value)


def depth(value):
    if not isinstance(value, (list, tuple)):
        return 0
    return isinstance(value, list) + max((depth(part) for part in value), default=0)


def lines(path):
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def validator(name):
    schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def normal(event):
    """An event's fields as Protobuf has them: ids as text, what is absent or null as its default."""

    def value(name):
        found = event.get(name)
        return int(found or 0) if name in NUMBERS else "" if found is None else str(found)

    return {name: value(name) for name in FIELDS}


# Checks


def compare(Behavior, directory):
    """behaviors.jsonl and behaviors.binpb hold the same events, and follow the schema. Returns them."""
    schema = validator("behavior.schema.json")
    binary = delimited(directory / "behaviors.binpb")
    text = lines(directory / "behaviors.jsonl")
    require(len(binary) == len(text), f"{len(binary)} messages, but {len(text)} lines")
    events = []
    for index, (message, line) in enumerate(zip(binary, text)):
        event = json.loads(line)
        schema.validate(event)
        behavior = Behavior.FromString(message)
        decoded = {name: getattr(behavior, name) for name in FIELDS}
        require(decoded == normal(event), f"event {index} differs:\n{decoded}\n{normal(event)}")
        events.append((behavior, event))
    return events


def check_examples():
    message = messages()
    events = compare(message("Behavior"), SCHEMAS / "examples")
    check_invalid()
    sequences = check_sequences(message("GroupSequence"))
    check_topology()
    print(f"behaviors={len(events)} sequences={sequences}")


def check_topology():
    """The example follows the schema, and what an instance never answers does not."""
    schema = validator("topology.schema.json")
    text = (SCHEMAS / "examples" / "topology.json").read_text(encoding="utf-8")
    schema.validate(json.loads(text))
    for good, bad in [
        ('"owner":null', '"owner":"interestd"'),
        ('"partition":2', '"partition":-2'),
        (',"applied_offset":9', ""),
        ('"state":"live",', ""),
        ('{"instance":"ranker-1.example:8080",', "{"),
    ]:
        require(good in text and not schema.is_valid(json.loads(text.replace(good, bad, 1))), f"{bad!r} is accepted")


def check_invalid():
    schema = validator("behavior.schema.json")
    for number, line in enumerate(lines(SCHEMAS / "examples" / "invalid.jsonl"), 1):
        example = json.loads(line)
        text = example.get("json")
        try:
            strict(text or "")
        except ValueError:
            require("schema" not in example, f"invalid.jsonl:{number}: no JSON, so no schema can accept it")
            continue
        accepted = schema.is_valid(json.loads(text))
        expected = example.get("schema") == "accepts"
        require(accepted == expected, f"invalid.jsonl:{number}: the schema {'accepts' if accepted else 'refuses'} it")


def columns(sequence, message):
    """A sequence as the JSON answer has it, in columns."""
    groups = sequence["groups"]
    windows = sorted(int(name[:-1]) for name in groups[0]["windows"]) if groups else []
    behaviors = [behavior for group in groups for behavior in group["behaviors"]]
    splits = [0]
    for group in groups:
        splits.append(splits[-1] + len(group["behaviors"]))
    return message(
        user_id=sequence["user_id"],
        generation=sequence["generation"],
        cluster_map=sequence["cluster_map"],
        group=[group["group"] for group in groups],
        group_events=[group["events"] for group in groups],
        group_strong=[group["counts"]["strong"] for group in groups],
        group_weak=[group["counts"]["weak"] for group in groups],
        group_negative=[group["counts"]["negative"] for group in groups],
        group_payment=[group["counts"]["payment"] for group in groups],
        group_dwell_sum_ms=[group["dwell_ms"]["sum"] for group in groups],
        group_dwell_max_ms=[group["dwell_ms"]["max"] for group in groups],
        group_dwell_n=[group["dwell_ms"]["n"] for group in groups],
        group_spend_sum_micros=[group["spend_micros"]["sum"] for group in groups],
        group_spend_n=[group["spend_micros"]["n"] for group in groups],
        group_first_ms=[group["first_ms"] for group in groups],
        group_last_ms=[group["last_ms"] for group in groups],
        window_days=windows,
        group_window_events=[group["windows"][f"{days}d"] for group in groups for days in windows],
        behavior_row_splits=splits if groups else [],
        behavior_time_ms=[behavior["time_ms"] for behavior in behaviors],
        behavior_shop=[behavior["shop"] for behavior in behaviors],
        behavior_type=[TYPES[behavior["type"]] for behavior in behaviors],
        behavior_dwell_ms=[behavior["dwell_ms"] for behavior in behaviors],
        behavior_spend_micros=[behavior["spend_micros"] for behavior in behaviors],
        behavior_item=[behavior["item"] for behavior in behaviors],
    )


def check_sequences(GroupSequence, directory=SCHEMAS / "examples"):
    schema = validator("sequence.schema.json")
    text = [json.loads(line) for line in lines(directory / "sequences.jsonl")]
    binary = delimited(directory / "sequences.binpb")
    require(len(binary) == len(text), f"{len(binary)} sequences in Protobuf, but {len(text)} in JSON")
    for sequence, encoded in zip(text, binary):
        schema.validate(sequence)
        for group in sequence["groups"]:
            require(sum(group["counts"].values()) == group["events"], "counts do not add up to events")
            require(len(group["behaviors"]) <= group["events"], "more behaviors than events")
        require(GroupSequence.FromString(encoded) == columns(sequence, GroupSequence), "sequences.binpb differs")
        again = columns(sequence, GroupSequence).SerializeToString(deterministic=True)
        require(again == encoded, "sequences.binpb is not as Python writes it")
    return len(text)


def old_client():
    """GroupSequence as a client knows it that was built before most of its columns were thought of."""
    file = descriptor_pb2.FileDescriptorProto(name="old.proto", package="old", syntax="proto3")
    message = file.message_type.add(name="GroupSequence")
    types = descriptor_pb2.FieldDescriptorProto
    for name, number, kind, label in [
        ("user_id", 1, types.TYPE_STRING, types.LABEL_OPTIONAL),
        ("group", 10, types.TYPE_UINT32, types.LABEL_REPEATED),
        ("group_events", 11, types.TYPE_UINT64, types.LABEL_REPEATED),
        ("behavior_shop", 42, types.TYPE_UINT64, types.LABEL_REPEATED),
    ]:
        message.field.add(name=name, number=number, type=kind, label=label)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    descriptor = pool.FindMessageTypeByName("old.GroupSequence")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def sequences(directory):
    GroupSequence, Old = messages()("GroupSequence"), old_client()
    count = check_sequences(GroupSequence, directory)
    for encoded in delimited(directory / "sequences.binpb"):
        new, old = GroupSequence.FromString(encoded), Old.FromString(encoded)
        for name in ["user_id", "group", "group_events", "behavior_shop"]:
            require(getattr(new, name) == getattr(old, name), f"an old client reads another {name}")
    print(f"sequences={count}")


def answers(path):
    schema = validator("sequence.schema.json")
    for line in lines(path):
        answer = json.loads(line)
        schema.validate(answer)
        for group in answer["groups"]:
            del group["group"]
        require(not answer["groups"] or not schema.is_valid(answer), "the schema accepts groups without their ids")
    print(f"answers={len(lines(path))}")


def exchange(directory):
    Behavior = messages()("Behavior")
    events = compare(Behavior, directory)
    with open(directory / "python.binpb", "wb") as output:
        for behavior, _ in events:
            encoded = behavior.SerializeToString()
            output.write(varint(len(encoded)) + encoded)
    with open(directory / "python.jsonl", "w", encoding="utf-8") as output:
        for index, (_, event) in enumerate(events):
            output.write(json.dumps(event, ensure_ascii=index % 2 == 0, sort_keys=index % 3 == 0) + "\n")
    print(f"behaviors={len(events)}")


def verdicts(path):
    counts = {True: 0, False: 0}
    for number, line in enumerate(lines(path), 1):
        record = json.loads(line)
        data = base64.b64decode(record["base64"])
        try:
            value = strict(data.decode("utf-8"))
            malformed = not isinstance(value, Object) or has_half_pairs(value) or depth(value) > 64
        except ValueError:
            malformed = True
        require(malformed == record["malformed"], f"{path}:{number}: Python says malformed={malformed} of {data!r}")
        counts[malformed] += 1
    print(f"malformed={counts[True]} well_formed={counts[False]}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["examples"]:
            check_examples()
        case ["exchange", directory]:
            exchange(pathlib.Path(directory))
        case ["sequences", directory]:
            sequences(pathlib.Path(directory))
        case ["answers", file]:
            answers(pathlib.Path(file))
        case ["verdicts", file]:
            verdicts(pathlib.Path(file))
        case _:
            sys.exit(__doc__)
