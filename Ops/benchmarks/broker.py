"""A Kafka broker of one node on loopback, by the official tools of a distribution, and its topics."""

import os
import time

from crashtest.processes import Failure, finish, free_port, run, start

START_S, STOP_S, TOOL_S = 60, 30, 60


class Broker:
    """Use it in a `with`: it is gone behind it, with all that it stored."""

    def __init__(self, home, directory, settings=None):
        self.home, self.directory = home, directory
        client, controller = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self.address = client
        self.settings = {
            "process.roles": "broker,controller", "node.id": 1, "controller.quorum.voters": f"1@{controller}",
            "listeners": f"PLAINTEXT://{client},CONTROLLER://{controller}", "advertised.listeners": f"PLAINTEXT://{client}",
            "controller.listener.names": "CONTROLLER", "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": f"{directory}/data", "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4, "group.initial.rebalance.delay.ms": 0, "auto.create.topics.enable": "false",
            "controlled.shutdown.max.retries": 1,
        } | (settings or {})
        self.process = None

    def __enter__(self):
        os.makedirs(self.directory)
        properties = f"{self.directory}/server.properties"
        with open(properties, "w", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in self.settings.items())
        run([f"{self.home}/bin/kafka-storage.sh", "format", "-t", "YmVuY2htYXJrLWJyb2tlcg", "-c", properties], TOOL_S)
        with open(f"{self.directory}/server.log", "wb") as log:
            command = [f"{self.home}/bin/kafka-server-start.sh", properties]
            self.process = start(command, stdout=log, stderr=log, cwd=self.directory)
        deadline = time.monotonic() + START_S
        while not self._has_started():
            if time.monotonic() > deadline:
                self._stop()
                raise Failure(f"the broker did not start within {START_S} s: see {self.directory}/server.log")
            time.sleep(0.1)
        return self

    def _has_started(self):
        with open(f"{self.directory}/server.log", "rb") as log:
            told = log.read()
        if self.process.poll() is not None:
            raise Failure(f"the broker did not start: {told[-600:].decode(errors='replace').strip()}")
        return b"Kafka Server started" in told

    def _stop(self):
        self.process.terminate()
        try:
            finish(self.process, STOP_S, "the broker")
        except Failure:
            pass  # It has been killed; nothing of it is kept.

    def __exit__(self, *_):
        self._stop()

    def topics(self, *arguments):
        command = [f"{self.home}/bin/kafka-topics.sh", "--bootstrap-server", self.address, *arguments]
        return run(command, TOOL_S).decode().split()

    def create(self, topic, partitions, settings=None):
        options = [word for name, value in (settings or {}).items() for word in ("--config", f"{name}={value}")]
        self.topics("--create", "--topic", topic, "--partitions", str(partitions), "--replication-factor", "1", *options)

    def delete(self, is_wanted):
        """Deletes the topics whose name is one of those: what a peer leaves takes disk and the broker's time."""
        for topic in self.topics("--list"):
            if is_wanted(topic):
                self.topics("--delete", "--topic", topic)
