"""A Kafka cluster (KRaft, every node broker and controller) on loopback, by the official tools of a distribution."""

import os
import signal
import time

from .processes import Failure, finish, free_port, run, start

START_S, STOP_S = 60, 15


class Node:
    def __init__(self, home, directory, settings):
        self.home, self.directory = home, directory
        self.process = None
        os.makedirs(directory)
        self.properties = f"{directory}/server.properties"
        with open(self.properties, "w", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in (settings | {"log.dirs": f"{directory}/data"}).items())
        run([f"{home}/bin/kafka-storage.sh", "format", "-t", "Y3Jhc2gtdGVzdC1jbHVzdA", "-c", self.properties], 60)

    def begin(self):
        environment = os.environ | {"KAFKA_HEAP_OPTS": os.environ.get("KAFKA_HEAP_OPTS", "-Xms256m -Xmx256m")}
        with open(f"{self.directory}/server.log", "ab") as log:
            self.offset = log.tell()
            command = [f"{self.home}/bin/kafka-server-start.sh", self.properties]
            self.process = start(command, stdout=log, stderr=log, cwd=self.directory, env=environment)

    @property
    def has_started(self):
        if self.process.poll() is not None:
            raise Failure(f"a broker did not start: see {self.directory}/server.log")
        with open(f"{self.directory}/server.log", "rb") as log:
            log.seek(self.offset)
            return b"Kafka Server started" in log.read()

    # Generators, to be asked on until they end, so that other things go on meanwhile

    def resume(self):
        self.begin()
        deadline = time.monotonic() + START_S
        while not self.has_started:
            if time.monotonic() > deadline:
                raise Failure(f"a broker did not start within {START_S} s: see {self.directory}/server.log")
            yield

    def stop(self, kill):
        """A broker that does not end is killed, which has to be endured as well."""
        self.process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        deadline = time.monotonic() + STOP_S
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                self.process.kill()
            yield
        finish(self.process, 1, "a broker")

    def away(self, action, seconds):
        """Kills, stops or pauses it for so long."""
        if action == "pause":
            self.process.send_signal(signal.SIGSTOP)
        else:
            yield from self.stop(action == "kill")
        back_at = time.monotonic() + seconds
        while time.monotonic() < back_at:
            yield
        if action == "pause":
            self.process.send_signal(signal.SIGCONT)
        else:
            yield from self.resume()


class Cluster:
    def __init__(self, home, directory, count):
        self.count = count
        clients = [f"127.0.0.1:{free_port()}" for _ in range(count)]
        controllers = [f"127.0.0.1:{free_port()}" for _ in range(count)]
        self.brokers = ",".join(clients)
        replicas = min(count, 3)
        self.nodes = []
        for number, (client, controller) in enumerate(zip(clients, controllers), 1):
            settings = {
                "process.roles": "broker,controller", "node.id": number,
                "controller.quorum.voters": ",".join(f"{n}@{address}" for n, address in enumerate(controllers, 1)),
                "listeners": f"PLAINTEXT://{client},CONTROLLER://{controller}", "advertised.listeners": f"PLAINTEXT://{client}",
                "controller.listener.names": "CONTROLLER", "controlled.shutdown.max.retries": 1,
                "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                "default.replication.factor": replicas, "min.insync.replicas": min(replicas, 2),
                "offsets.topic.replication.factor": replicas, "transaction.state.log.replication.factor": replicas,
                "transaction.state.log.min.isr": min(replicas, 2), "offsets.topic.num.partitions": 4,
                "transaction.state.log.num.partitions": 4, "group.initial.rebalance.delay.ms": 0, "group.min.session.timeout.ms": 1000,
                "auto.create.topics.enable": "false",
                # A node that is paused for some seconds loses what it leads.
                "broker.session.timeout.ms": 3000, "broker.heartbeat.interval.ms": 500, "replica.lag.time.max.ms": 4000,
            }
            self.nodes.append(Node(home, f"{directory}/node-{number}", settings))
        for node in self.nodes:
            node.begin()
        deadline = time.monotonic() + START_S
        while not all(node.has_started for node in self.nodes):
            if time.monotonic() > deadline:
                raise Failure(f"the brokers did not start within {START_S} s: see {directory}")
            time.sleep(0.1)

    def stop(self):
        for node in self.nodes:
            if node.process.poll() is None:
                for _ in node.stop(kill=True):
                    time.sleep(0.02)
