#!/usr/bin/env python3
"""Calls interestd as grpcio does, and exits 1 where an answer is not what it should be.

usage: grpc_calls.py CHECK GRPC_ADDRESS HTTP_ADDRESS DUMP [CA TOKEN]

DUMP is `interestd dump` of the state that is served. With CA (a PEM file) the calls go over TLS, and with TOKEN they carry it.
"""
import json
import sys
import time
import urllib.request

import grpc
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from grpc_schemas import service, stubs

SERVICES = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "interest.v1.InterestService",
]


class Failure(Exception):
    """A check's."""


def require(condition, what):
    if not condition:
        raise Failure(what)


def equal(actual, expected, what):
    require(actual == expected, f"{what} is {actual!r}, not {expected!r}")


class Client:
    def __init__(self, address, http, dump, ca=None, token=None):
        self.http = http
        self.token = token
        self.lines = [json.loads(line) for line in open(dump, encoding="utf-8")]
        self.users = [line["user_id"] for line in self.lines]
        options = [("grpc.max_receive_message_length", -1), ("grpc.enable_retries", 0)]
        if ca:
            credentials = grpc.ssl_channel_credentials(open(ca, "rb").read())
            if token:
                credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(token))
            self.channel = grpc.secure_channel(address.replace("127.0.0.1", "localhost"), credentials, options)
        else:
            self.channel = grpc.insecure_channel(address, options)
        self.stub = stubs.InterestServiceStub(self.channel)
        self.health = health_pb2_grpc.HealthStub(self.channel)

    def get(self, path, accept):
        headers = {"Accept": accept} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        request = urllib.request.Request(f"http://{self.http}{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as reply:
            return reply.read()

    def sequence(self, user, **selection):
        request = service.GetSequenceRequest(user_id=user, selection=service.Selection(**selection))
        return self.stub.GetSequence(request, timeout=10)

    def metric(self, name):
        lines = self.get("/metrics", "*/*").decode().split("\n")
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)


def fails(call, code, *words):
    try:
        call()
    except grpc.RpcError as error:
        equal(error.code(), code, "the status")
        for word in words:
            require(word in error.details(), f"'{word}' is not in '{error.details()}'")
        return error
    raise Failure(f"answered, not {code}")


def sequences(client):
    """Each user's sequence is, byte by byte, what HTTP answers, and has the dump's groups."""
    method = "/interest.v1.InterestService/GetSequence"
    raw = client.channel.unary_unary(method)
    for line in client.lines:
        user = line["user_id"]
        selection = service.Selection(groups=100000)
        request = service.GetSequenceRequest(user_id=user, selection=selection).SerializeToString()
        answer = raw(request, timeout=10)
        equal(answer, client.get(f"/v1/users/{user}/sequence?groups=100000", "application/x-protobuf"), f"user {user}")
        sequence = client.sequence(user, groups=100000)
        equal(list(sequence.group), [group["group"] for group in line["groups"]], f"the groups of {user}")
        equal(list(sequence.group_events), [group["events"] for group in line["groups"]], f"the events of {user}")
        equal(len(client.sequence(user, groups=1).group), 1, "one group")
        equal(len(client.sequence(user, behaviors=0).behavior_time_ms), 0, "no behaviors")
    unknown = client.sequence("nobody at all")
    equal((unknown.user_id, list(unknown.group)), ("nobody at all", []), "an unknown user")


def batches(client):
    users = client.users[:50] + ["nobody", "x" * 256] + client.users[:2]
    answer = client.stub.BatchGetSequences(service.BatchGetSequencesRequest(user_ids=users), timeout=10)
    equal(len(answer.sequences), len(users), "the sequences")
    for index, user in enumerate(users):
        if index not in (len(client.users[:50]), len(client.users[:50]) + 1):
            equal(answer.sequences[index], client.sequence(user), f"sequence {index}")
    equal(list(answer.unknown), [len(client.users[:50])], "the unknown")
    failures = [(failure.index, failure.code) for failure in answer.failures]
    equal(failures, [(len(client.users[:50]) + 1, grpc.StatusCode.INVALID_ARGUMENT.value[0])], "the failures")
    many = (client.users * 1000)[:1000]
    answer = client.stub.BatchGetSequences(service.BatchGetSequencesRequest(user_ids=many), timeout=30)
    require(answer.ByteSize() > 1_000_000, f"a thousand sequences have only {answer.ByteSize()} bytes")
    equal([sequence.user_id for sequence in answer.sequences], many, "the order of a thousand")
    call = lambda: client.stub.BatchGetSequences(service.BatchGetSequencesRequest(user_ids=many + ["a"]), timeout=10)
    fails(call, grpc.StatusCode.INVALID_ARGUMENT, "user_ids", "1000")
    long = service.BatchGetSequencesRequest(user_ids=["y" * 255] * 5000)
    fails(lambda: client.stub.BatchGetSequences(long), grpc.StatusCode.RESOURCE_EXHAUSTED, "1048576")


def groups(client):
    line = max(client.lines, key=lambda line: len(line["groups"]))
    group = next(group for group in line["groups"] if group["group"] and group["behaviors"])
    shop = str(group["behaviors"][0]["shop"])
    request = service.GetGroupsRequest(user_id=line["user_id"], shop_ids=[shop, shop, "no such shop"])
    answer = client.stub.GetGroups(request, timeout=10)
    equal(list(answer.shop_groups), [group["group"], group["group"], 0], "the shops' groups")
    require(group["group"] in answer.sequence.group, "the shop's group is wanting")
    fails(
        lambda: client.stub.GetGroups(service.GetGroupsRequest(user_id="a")),
        grpc.StatusCode.INVALID_ARGUMENT,
        "shop_ids: ",
    )


def describe(client):
    answer = client.stub.Describe(service.DescribeRequest(), timeout=10)
    require(answer.version and answer.types and answer.instance == client.http, f"{answer}")
    equal([generation.id for generation in answer.generations if generation.served], [1], "the generation")
    equal(answer.generations[0].cluster_map, client.lines[0]["cluster_map"], "the cluster map")


def errors(client):
    bad = grpc.StatusCode.INVALID_ARGUMENT
    fails(lambda: client.sequence(""), bad, "user")
    fails(lambda: client.sequence("x" * 256), bad, "user_id: ", "255")
    fails(lambda: client.sequence("a", order=9), bad, "order: there is no order 9")
    fails(lambda: client.sequence("a", groups=100001), bad, "groups: 100001")
    fails(lambda: client.sequence("a", fields=[0]), bad, "fields")
    fails(lambda: client.sequence(client.users[0], as_of_ms=86_400_000), bad, "as_of_ms: ", "newest event is of 20")
    fails(lambda: client.sequence("a", generation=7), grpc.StatusCode.NOT_FOUND, "generation")
    path = "/interest.v1.InterestService/"
    fails(lambda: client.channel.unary_unary(path + "GetSequence")(b"\x0a\xff"), bad, "no Protobuf message")
    fails(lambda: client.channel.unary_unary(path + "GetSequence")(b"\x0a\x02\xff\xfe"), bad, "UTF-8")
    fails(lambda: client.channel.unary_unary(path + "Get")(b""), grpc.StatusCode.UNIMPLEMENTED, path + "Get")
    fails(lambda: client.channel.unary_unary("/a.B/C")(b""), grpc.StatusCode.UNIMPLEMENTED)
    newer = service.GetSequenceRequest(user_id="a").SerializeToString() + b"\x98\x06\x01\xa2\x06\x03abc"
    require(client.channel.unary_unary(path + "GetSequence")(newer), "fields of a newer client are refused")


def compression(client):
    for kind in (grpc.Compression.Gzip, grpc.Compression.NoCompression):
        request = service.BatchGetSequencesRequest(user_ids=client.users[:1] * 500)
        answer = client.stub.BatchGetSequences(request, timeout=10, compression=kind)
        equal(len(answer.sequences), 500, "the sequences")
    request = service.GetSequenceRequest(user_id=client.users[0])
    deflated = lambda: client.stub.GetSequence(request, timeout=10, compression=grpc.Compression.Deflate)
    fails(deflated, grpc.StatusCode.UNIMPLEMENTED, "gzip")


def health(client):
    for name in ["", *SERVICES]:
        status = client.health.Check(health_pb2.HealthCheckRequest(service=name), timeout=10).status
        equal(status, health_pb2.HealthCheckResponse.SERVING, f"'{name}'")
    statuses = client.health.List(health_pb2.HealthListRequest(), timeout=10).statuses
    equal({name: status.status for name, status in statuses.items()}, dict.fromkeys(["", *SERVICES], 1), "the list")
    fails(
        lambda: client.health.Check(health_pb2.HealthCheckRequest(service="a.B")), grpc.StatusCode.NOT_FOUND, "a.B"
    )
    watch = client.health.Watch(health_pb2.HealthCheckRequest(service="a.B"))
    equal(next(watch).status, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN, "an unknown service")
    watch.cancel()
    watch = client.health.Watch(health_pb2.HealthCheckRequest())
    equal(next(watch).status, health_pb2.HealthCheckResponse.SERVING, "the server")
    equal(client.metric("interestd_grpc_calls"), 1, "calls under way")
    watch.cancel()
    end = time.monotonic() + 10
    while client.metric("interestd_grpc_calls") and time.monotonic() < end:
        time.sleep(0.01)
    equal(client.metric("interestd_grpc_calls"), 0, "calls under way after a cancellation")
    fails(
        lambda: list(client.health.Watch(health_pb2.HealthCheckRequest(), timeout=0.3)),
        grpc.StatusCode.DEADLINE_EXCEEDED,
    )


def reflection(client):
    database = ProtoReflectionDescriptorDatabase(client.channel)
    equal(sorted(database.get_services()), SERVICES, "the services")
    pool = DescriptorPool(database)
    found = pool.FindServiceByName("interest.v1.InterestService")
    names = [method.name for method in found.methods]
    equal(names, ["GetSequence", "BatchGetSequences", "GetGroups", "Describe"], "the methods")
    for name in ("interest/v1/service.proto", "interest/v1/sequence.proto"):
        file = descriptor_pb2.FileDescriptorProto()
        pool.FindFileByName(name).CopyToProto(file)
        own = descriptor_pb2.FileDescriptorProto()
        (service.DESCRIPTOR if "service" in name else service.DESCRIPTOR.dependencies[0]).CopyToProto(own)
        equal([message.name for message in file.message_type], [message.name for message in own.message_type], name)
    for symbol in ("interest.v1.GroupSequence", "interest.v1.Selection.groups", "grpc.health.v1.Health.Check"):
        require(database.FindFileContainingSymbol(symbol), symbol)
    stub = reflection_pb2_grpc.ServerReflectionStub(client.channel)
    requests = [reflection_pb2.ServerReflectionRequest(file_containing_symbol="a.B")] * 3
    codes = [answer.error_response.error_code for answer in stub.ServerReflectionInfo(iter(requests))]
    equal(codes, [grpc.StatusCode.NOT_FOUND.value[0]] * 3, "unknown symbols")


def deadlines(client):
    # A deadline that is over before the call leaves, and one that is far away.
    fails(lambda: client.stub.GetSequence(service.GetSequenceRequest(user_id="a"), timeout=-1), grpc.StatusCode.DEADLINE_EXCEEDED)
    require(client.stub.GetSequence(service.GetSequenceRequest(user_id="a"), timeout=1e6), "a long deadline")


def parallel(client):
    """Many calls at once on one channel, each with its own answer."""
    users = (client.users * 40)[:4000]
    futures = [(user, client.stub.GetSequence.future(service.GetSequenceRequest(user_id=user), timeout=30)) for user in users]
    for user, future in futures:
        equal(future.result().user_id, user, "a user")


def metrics(client):
    before = client.metric("interestd_grpc_calls_total")
    client.sequence("a")
    fails(lambda: client.sequence(""), grpc.StatusCode.INVALID_ARGUMENT)
    equal(client.metric("interestd_grpc_calls_total"), before + 2, "calls")
    require(client.metric("interestd_grpc_connections") >= 1, "a connection")
    require(client.metric("interestd_grpc_sent_bytes_total") > 0, "bytes")
    text = client.get("/metrics", "*/*").decode()
    require('method="interest.v1.InterestService/GetSequence",status="INVALID_ARGUMENT"' in text, "by method and status")


def unauthenticated(client):
    fails(lambda: client.sequence("a"), grpc.StatusCode.UNAUTHENTICATED)
    client.health.Check(health_pb2.HealthCheckRequest(), timeout=10)


def main():
    checks = [sequences, batches, groups, describe, errors, compression, health, reflection, deadlines, parallel, metrics, unauthenticated]
    check = {check.__name__: check for check in checks}[sys.argv[1]]
    try:
        check(Client(*sys.argv[2:]))
    except (Failure, grpc.RpcError) as failure:
        sys.exit(f"{check.__name__}: {failure}")


main()
