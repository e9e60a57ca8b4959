#!/usr/bin/env python3
"""Asks instances of one group on all protocols without a pause while the group changes, and judges every answer.

usage: instances_load.py load INSTANCES REFERENCE DUMP [--torn NAME]

The file INSTANCES (as for instances.py) is read again all the time: instances that appear in it are asked from then on; of one that is in
it no more a connection may end. The bytes of an answer are right, or the answer is to ask again. Answers that are cut short are wrong, but
of the instance that is killed (--torn). Tells on a line of its own when a client has had its first right answers of
an instance. Ends when there is a file INSTANCES.end, and prints what was counted as JSON.
"""
import argparse
import collections
import http.client
import json
import pathlib
import random
import sys
import threading
import time
import traceback

from grpc_schemas import service
from instance_clients import Gone, Instance, Refused, Retryable

HTTP_BATCH = "application/x-ndjson"


class Load:
    def __init__(self, options):
        self.options = options
        self.ended = threading.Event()
        self.counts = collections.Counter()
        self.wrong = []
        self.threads = {}
        reference = Instance(pathlib.Path(options.reference).read_text())
        dump = pathlib.Path(options.dump).read_text().splitlines()
        self.lines = {json.loads(line)["user_id"]: line.encode() + b"\n" for line in dump}
        self.users = list(self.lines)
        self.sequences = {user: reference.grpc.sequence(user) for user in self.users}
        self.groups = {user: reference.grpc.groups(user, ["42"]) for user in self.users}
        self.batched = {user: reference.http.sequence(user, "") for user in self.users}

    def present(self):
        """The lines of instances by name."""
        lines = pathlib.Path(self.options.instances).read_text().splitlines()
        return {line.split()[0]: line for line in lines if line.strip()}

    def run(self):
        end = pathlib.Path(self.options.instances + ".end")
        while not end.exists():
            time.sleep(0.02)
            for line in self.present().values():
                if line not in self.threads:
                    protocols = (self.ask_http, self.ask_grpc, self.ask_resp)
                    self.threads[line] = [threading.Thread(target=self.work, args=(line, ask)) for ask in protocols]
                    for thread in self.threads[line]:
                        thread.start()
        self.ended.set()
        for threads in self.threads.values():
            for thread in threads:
                thread.join()

    def work(self, line, ask):
        name = line.split()[0]
        random_ = random.Random(f"{line} {ask.__name__}")
        instance = Instance(line)
        what = f"{ask.__name__} {name}"
        while not self.ended.is_set():
            try:
                ask(instance, random_.sample(self.users, 20))
                self.counts[f"{what} right"] += 1
                if self.counts[f"{what} right"] == 1:
                    sys.stdout.write(f"{what} is right\n")
                    sys.stdout.flush()
            except Retryable as error:
                self.counts[f"{what} again"] += 1
                time.sleep(0.005)
            except Gone as error:
                time.sleep(0.02)
                if self.present().get(name) == line:
                    self.fail(f"{what} is gone: {error}")
                else:
                    break
            except (Refused, AssertionError) as error:
                self.fail(f"{what}: {error!r}")
            except http.client.HTTPException as error:
                if name != self.options.torn:
                    self.fail(f"{what} is cut short: {error!r}")
            except Exception:
                self.fail(f"{what}: {traceback.format_exc()}")
        instance.close()

    def fail(self, what):
        if len(self.wrong) < 20:
            self.wrong.append(f"{time.strftime('%H:%M:%S')} {what[:600]}")
        self.counts["wrong"] += 1

    def ask_http(self, instance, users):
        assert instance.http.sequence(users[0]) == self.lines[users[0]], users[0]
        lines = instance.http.batch(users, HTTP_BATCH).splitlines(keepends=True)
        assert len(lines) == len(users), "a batch with fewer lines"
        for user, line in zip(users, lines):
            if line.startswith(b'{"error":'):
                self.check_failure(json.loads(line)["error"].get("retry_after_s"), line)
            else:
                assert line == self.batched[user], user

    def ask_grpc(self, instance, users):
        assert instance.grpc.sequence(users[0]) == self.sequences[users[0]], users[0]
        assert instance.grpc.groups(users[1], ["42"]) == self.groups[users[1]], users[1]
        answer = service.BatchGetSequencesResponse.FromString(instance.grpc.batch(users))
        assert not answer.unknown, "users are said to be unknown"
        failed = {failure.index: failure for failure in answer.failures}
        assert len(answer.sequences) == len(users), "a batch with fewer sequences"
        for index, user in enumerate(users):
            if index in failed:
                self.check_failure(failed[index].retry_after_s, failed[index])
            else:
                assert answer.sequences[index].SerializeToString(deterministic=True) == self.sequences[user], user

    def ask_resp(self, instance, users):
        assert instance.resp.sequence(users[0]) == self.sequences[users[0]], users[0]
        for user, reply in zip(users, instance.resp.pipeline([("GET", user) for user in users])):
            if isinstance(reply, Exception):
                error = instance.resp.error(reply)
                assert isinstance(error, Retryable), error
                self.counts["pipelined again"] += 1
            else:
                assert reply == self.sequences[user], user
        values = instance.resp.ask("MGET", *users)
        assert values == [self.sequences[user] for user in users], users

    def check_failure(self, retry_after_s, failure):
        assert retry_after_s, f"a failure that stays: {failure}"
        self.counts["users again"] += 1


def main():
    parser = argparse.ArgumentParser()
    for name in ("check", "instances", "reference", "dump"):
        parser.add_argument(name)
    parser.add_argument("--torn")
    load = Load(parser.parse_args())
    print("ready", flush=True)
    load.run()
    print(json.dumps(load.counts))
    if load.wrong:
        sys.exit("\n".join(load.wrong))


main()
