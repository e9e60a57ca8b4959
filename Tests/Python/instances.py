#!/usr/bin/env python3
"""Asks instances of one group, and holds their answers against those of one instance that has everything.

usage: instances.py CHECK INSTANCES REFERENCE DUMP [--ca FILE] [--token TOKEN] [--silent NAME] [--why TEXT]

INSTANCES has a line for each, `name http=HOST:PORT grpc=HOST:PORT resp=HOST:PORT`; REFERENCE one such line, of an instance that asks for no
token. DUMP is what it holds.
"""
import argparse
import concurrent.futures
import json
import pathlib
import sys
import threading
import time

from grpc_schemas import service
from instance_clients import PROTOBUF, Gone, Instance, Refused, Retryable, instances


class Failure(Exception):
    pass


def equal(found, expected, what):
    if found != expected:
        raise Failure(f"{what}: {str(found)[:300]} instead of {str(expected)[:300]}")


def require(condition, what):
    if not condition:
        raise Failure(what)


class Reference:
    """What is right."""

    def __init__(self, line, dump):
        self.instance = Instance(line)
        lines = pathlib.Path(dump).read_text().splitlines()
        self.lines = {json.loads(line)["user_id"]: line for line in lines}
        self.users = list(self.lines)
        self.shops = {user: self.some_shops(line) for user, line in self.lines.items()}
        for user in self.users[:20]:
            equal(self.instance.http.sequence(user).decode(), self.lines[user] + "\n", f"the reference's {user}")
        self.sequences = {user: self.instance.grpc.sequence(user) for user in [*self.users, "nobody"]}
        for user in self.users:
            require(self.sequences[user], "an empty answer of the reference")

    @staticmethod
    def some_shops(line):
        behaviors = [behavior for group in json.loads(line)["groups"] for behavior in group["behaviors"]]
        return [str(behavior["shop"]) for behavior in behaviors[:3]]


def patiently(ask, what, within_s=60):
    """Asks until the answer is not to ask again."""
    end = time.monotonic() + within_s
    while True:
        try:
            return ask()
        except Retryable as error:
            if time.monotonic() > end:
                raise Failure(f"{what}: still {error}") from error
            time.sleep(0.05)


def same(check, ask, reference, instance):
    """An instance answers as the reference does."""
    expected = ask(reference.instance)
    equal(patiently(lambda: ask(instance), check), expected, f"{check} at {instance.name}")
    return expected


def compare(reference, asked, options):
    """Each protocol asked at each instance for each user: the same bytes as where everything is in one place."""
    users = [*reference.users, "nobody"]
    for instance in asked:
        for user in reference.users:
            line = patiently(lambda: instance.http.sequence(user), user)
            equal(line.decode(), reference.lines[user] + "\n", f"http {user} at {instance.name}")
            sequence = patiently(lambda: instance.grpc.sequence(user), user)
            equal(sequence, reference.sequences[user], f"grpc {user} at {instance.name}")
            equal(patiently(lambda: instance.resp.sequence(user), user), sequence, f"resp {user} at {instance.name}")
        for user in users[-40:]:
            shops = reference.shops.get(user, ["42"])
            for name, ask in {
                "http in protobuf": lambda it: it.http.sequence(user, "behaviors=3&order=frequency", PROTOBUF),
                "http groups": lambda it: it.http.groups(user, shops),
                "http groups in protobuf": lambda it: it.http.groups(user, shops, PROTOBUF),
                "grpc groups": lambda it: it.grpc.groups(user, shops),
                "resp groups": lambda it: it.resp.ask("INTEREST.GROUPS", user, "SHOPS", *shops),
                "resp groups with options": lambda it: it.resp.ask(
                    "INTEREST.GROUPS", user, "BEHAVIORS", 1, "FORMAT", "json", "SHOPS", *shops
                ),
                "resp options": lambda it: it.resp.ask("INTEREST.SEQUENCE", user, "GROUPS", 5, "FORMAT", "json"),
                "resp strlen": lambda it: it.resp.ask("STRLEN", user),
                "resp type": lambda it: it.resp.ask("TYPE", user),
                "resp ttl": lambda it: it.resp.ask("TTL", user),
            }.items():
                same(f"{name} {user}", ask, reference, instance)
        require(patiently(lambda: instance.resp.sequence("nobody"), "nobody") is None, "somebody answers for nobody")
        for command, word in {("SET", "u", "x"): "come from Kafka", ("DEL", "u"): "'interestd erase USER'"}.items():
            try:
                raise Failure(f"{command}: answered with {instance.resp.ask(*command)}")
            except Refused as refusal:
                require(word in str(refusal), f"{command}: {refusal}")
        compare_many(reference, users, instance)


def compare_many(reference, users, instance):
    # More at once than there are connections to another instance.
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        ask = lambda user: patiently(lambda: instance.grpc.sequence(user), user)
        answers = list(pool.map(ask, reference.users))
    equal(answers, [reference.sequences[user] for user in reference.users], f"a hundred calls at a time at {instance.name}")
    wrong = [*users, "x" * 300, *users[:7]]
    batch = same("grpc batch", lambda it: batch_when_whole(it, wrong), reference, instance)
    answer = service.BatchGetSequencesResponse.FromString(batch)
    equal([failure.index for failure in answer.failures], [len(users)], "the failures")
    equal(list(answer.unknown), [users.index("nobody")], "the unknown")
    for accept in (None, "application/x-ndjson", PROTOBUF):
        same(f"http batch {accept}", lambda it: it.http.batch(users, accept), reference, instance)
    same("resp mget", lambda it: it.resp.ask("MGET", *users), reference, instance)
    same("resp exists", lambda it: it.resp.ask("EXISTS", *users, users[0]), reference, instance)
    replies = instance.resp.pipeline([("GET", user) for user in users])
    expected = reference.instance.resp.pipeline([("GET", user) for user in users])
    equal(replies, expected, f"a pipeline at {instance.name}")


def batch_when_whole(instance, users):
    """A batch in which nobody failed for a reason that passes."""
    answer = instance.grpc.batch(users)
    for failure in service.BatchGetSequencesResponse.FromString(answer).failures:
        if failure.retry_after_s:
            raise Retryable(failure.message)
    return answer


def silent(reference, asked, options):
    """An owner that is silent: its users are refused in time, and meanwhile others are answered."""
    stopped = next(instance for instance in asked if instance.name == options.silent)
    asked = [instance for instance in asked if instance is not stopped]
    own = {user: it for it in asked for user in reference.users if it.http.owns(user)}
    lost = [user for user in reference.users if user not in own]
    require(own and lost, "no users on either side")
    ended, failures = threading.Event(), []

    def others(instance):
        """Users that somebody has, on connections of their own."""
        try:
            slowest = 0
            while not ended.is_set():
                for user in list(own)[:20]:
                    began = time.monotonic()
                    equal(instance.grpc.sequence(user), reference.sequences[user], user)
                    equal(instance.resp.sequence(user), reference.sequences[user], user)
                    equal(instance.http.sequence(user).decode(), reference.lines[user] + "\n", user)
                    slowest = max(slowest, time.monotonic() - began)
            require(slowest < 1, f"others had to wait for {slowest} s")
        except Exception as error:
            failures.append(f"others at {instance.name}: {error!r}")

    threads = [threading.Thread(target=others, args=(instance.again(),)) for instance in asked]
    for thread in threads:
        thread.start()
    try:
        for instance in asked:
            refuse(reference, instance, lost[0], next(iter(own)))
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    require(not failures, f"{failures}")


def crowded(reference, asked, options):
    """More requests wait for a silent owner than may: those beyond are refused at once, and others are answered."""
    instance = next(instance for instance in asked if instance.name != options.silent)
    lost = next(user for user in reference.users if not instance.http.owns(user))
    own = next(user for user in reference.users if instance.http.owns(user))
    for protocol in ("http", "grpc", "resp"):
        refusals, waited = [], []

        def ask(client):
            began = time.monotonic()
            try:
                raise Failure(f"answered with {client.sequence(lost)[:100]}")
            except Retryable as error:
                (refusals if "as many as may" in str(error) else waited).append((time.monotonic() - began, str(error)))

        clients = [getattr(instance.again(), protocol) for _ in range(12)]
        threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for _ in range(20):
            equal(instance.grpc.sequence(own), reference.sequences[own], own)
        for thread in threads:
            thread.join()
        equal((len(refusals), len(waited)), (9, 3), f"{protocol}: refused, and waited")
        require(max(refusals)[0] < 1, f"{protocol}: refused late: {max(refusals)}")
        require(all("has not answered" in text for _, text in waited), f"{waited}")


def refuse(reference, instance, user, other):
    def refused(ask, kind, text, within_s):
        began = time.monotonic()
        try:
            raise Failure(f"{text}: answered with {ask()[:100]}")
        except kind as error:
            require(text in str(error), f"{error} is not {text}")
        require(time.monotonic() - began < within_s, f"{text} after {time.monotonic() - began} s")

    for ask in (instance.grpc.sequence, lambda user, timeout: instance.grpc.groups(user, ["1"], timeout)):
        refused(lambda: ask(user, 0.4), Refused, "DEADLINE_EXCEEDED", 1.2)
        refused(lambda: ask(user, 10), Retryable, "has not answered within 2000 ms", 4)
    refused(lambda: instance.http.sequence(user), Retryable, "has not answered within 2000 ms", 4)
    refused(lambda: instance.http.groups(user, ["1"]), Retryable, "has not answered within 2000 ms", 4)
    refused(lambda: instance.resp.sequence(user), Retryable, "has not answered within 2000 ms", 4)
    refused(lambda: instance.resp.ask("MGET", other, user), Retryable, f"user 2 of 2, '{user}': the owner of ", 4)
    for timeout in (1, 10):
        began = time.monotonic()
        try:
            answer = service.BatchGetSequencesResponse.FromString(instance.grpc.batch([other, user], timeout))
        except Refused as error:
            require(timeout == 1 and "DEADLINE_EXCEEDED" in str(error), f"{error}")
        else:
            equal(answer.sequences[0].SerializeToString(deterministic=True), reference.sequences[other], "who is there")
            equal([failure.index for failure in answer.failures], [1], "who is not")
            require(answer.failures[0].retry_after_s > 0, "a failure that says when to try again")
        require(time.monotonic() - began < min(timeout, 2) + 2, "a batch beyond its deadline")
    lines = instance.http.batch([other, user], "application/x-ndjson").decode().splitlines()
    equal(json.loads(lines[0])["user_id"], other, "who is there")
    equal(json.loads(lines[1])["error"]["code"], "unavailable", "who is not")


def refused_credentials(reference, asked, options):
    """What one instance shows another is not accepted there: a clear error, at once, on every protocol."""
    for instance in asked:
        others = [user for user in reference.users if not instance.http.owns(user)]
        require(0 < len(others) < len(reference.users), f"users of {instance.name}")
        asks = [
            lambda: instance.http.sequence(others[0]), lambda: instance.grpc.sequence(others[0]),
            lambda: instance.resp.sequence(others[0]), lambda: instance.grpc.groups(others[0], ["1"]),
            lambda: instance.resp.ask("MGET", *reference.users),
        ]
        for ask in asks:
            began = time.monotonic()
            try:
                raise Failure(f"answered with {ask()[:100]}")
            except (Refused, Retryable) as error:
                require(options.why in str(error), f"{error}")
            require(time.monotonic() - began < 2, "slow")
        answer = service.BatchGetSequencesResponse.FromString(instance.grpc.batch(reference.users))
        equal([reference.users[failure.index] for failure in answer.failures], others, "who failed")
        own = next(user for user in reference.users if user not in others)
        equal(instance.grpc.sequence(own), reference.sequences[own], "an own user")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("check", choices=["compare", "silent", "crowded", "refused_credentials"])
    for name in ("instances", "reference", "dump"):
        parser.add_argument(name)
    for name in ("--ca", "--token", "--silent", "--why"):
        parser.add_argument(name)
    options = parser.parse_args()
    try:
        asked = instances(options.instances, options.ca, options.token)
        reference = Reference(pathlib.Path(options.reference).read_text(), options.dump)
        globals()[options.check](reference, asked, options)
    except (Failure, Gone, Refused, Retryable) as failure:
        sys.exit(f"{options.check}: {failure!r}")


main()
