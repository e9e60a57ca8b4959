#!/usr/bin/env python3
"""Calls two instances without a pause while one of them is stopped, and tells how many calls there were and how many failed.

usage: grpc_drain.py ADDRESS PID OTHER_ADDRESS

The channel knows both addresses, as a client of replicas does, and retries nothing.
"""
import os
import signal
import sys
import threading
import time

import grpc

from grpc_schemas import service, stubs

THREADS = 4


def main():
    first, pid, second = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    options = [("grpc.enable_retries", 0), ("grpc.lb_policy_name", "round_robin")]
    channel = grpc.insecure_channel(f"ipv4:{first},{second}", options)
    grpc.channel_ready_future(channel).result(timeout=10)
    stub = stubs.InterestServiceStub(channel)
    calls, failures = [0] * THREADS, []
    end = threading.Event()

    def work(index):
        while not end.is_set():
            try:
                stub.BatchGetSequences(service.BatchGetSequencesRequest(user_ids=["1062", "1879"] * 20), timeout=10)
                calls[index] += 1
            except grpc.RpcError as error:
                failures.append(f"{error.code()} {error.details()}")

    threads = [threading.Thread(target=work, args=(index,)) for index in range(THREADS)]
    for thread in threads:
        thread.start()
    while sum(calls) < 200:
        time.sleep(0.01)
    os.kill(pid, signal.SIGTERM)
    before = sum(calls)
    deadline = time.monotonic() + 20
    while sum(calls) < before + 400 and time.monotonic() < deadline:
        time.sleep(0.01)
    end.set()
    for thread in threads:
        thread.join()
    print(f"{sum(calls)} calls, {len(failures)} failed")
    if failures:
        sys.exit("\n".join(failures[:5]))


main()
