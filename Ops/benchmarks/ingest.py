"""The measurements of `Ops/bench ingest`."""

from crashtest.processes import run

from .broker import Broker
from .measurements import Measurements
from .subjects import Job, Subjects, last_object
from .targets import HOT, STREAMS

USERS, SHOPS, GROUPS, PARTITIONS = 50_000, 100_000, 1_024, 8
PRODUCE_S = 900
# In the order in which they are run; the quick ones take about two minutes together.
ALL = ["process", "broker", "real", "partitions", "hot", "events", "users", "memory", "stages"]
QUICK = ["process", "broker", "real", "partitions", "hot", "stages"]
NEEDS = {name: ["Kafka"] for name in ("broker", "hot", "partitions", "events", "users")} | {"real": ["completejourney"]}


def in_words(figures):
    """Of a run, while others go on."""
    text = f"{figures['events_per_s']:,.0f} events/s"
    return text + (f", {figures['cpu_s_per_million']:.2f} CPU s per million" if "cpu_s_per_million" in figures else "")


class Ingest(Measurements):
    needs = NEEDS

    def __init__(self, programs, directory, options):
        super().__init__(programs, directory, options)
        self.subjects = Subjects(programs, directory)

    def interleave(self, name, subjects, repeat=None):
        super().interleave(name, subjects, repeat, rate="events_per_s", told=in_words)

    def scaled(self, events):
        return events // 5 if self.options.quick else events

    def in_process(self, events, *, users=USERS, partitions=PARTITIONS, form="protobuf", more=()):
        arguments = ["--events", events, "--users", users, "--shops", SHOPS, "--group-count", GROUPS, "--partitions", partitions]
        return lambda: self.subjects.interestd(events, *arguments, "--format", form, *more)

    # The measurements

    def process(self):
        events = self.scaled(5_000_000)
        self.interleave("process", {form: self.in_process(events, form=form) for form in ("protobuf", "json")})

    def stages(self):
        measure = self.in_process(self.scaled(5_000_000), more=["--stages"])
        self.interleave("stages", {"protobuf": measure}, repeat=1)

    def broker(self):
        with Broker(self.programs.kafka, self.directory / "broker") as broker:
            job = self.produce(broker, "behaviors")
            subjects = {"interestd": lambda: self.subjects.interestd_from_broker(job)}
            if "the probe" not in self.programs.why:
                self.programs.probe(self.directory)  # built before anything is measured
                subjects["probe"] = lambda: self.subjects.probe(job)
            if "Kafka Streams" not in self.programs.why:
                for name, changelog in zip(STREAMS, (False, True)):
                    subjects[name] = lambda changelog=changelog: self.streams(broker, job, changelog)
            self.note_missing("broker", ["the probe", "Kafka Streams"])
            self.interleave("broker", subjects)

    def note_missing(self, name, wanted):
        for what in wanted:
            if what in self.programs.why:
                self.skip(f"{name}, {what}", self.programs.why[what])

    def streams(self, broker, job, changelog, form="protobuf"):
        try:
            return self.subjects.streams(job, changelog, form)
        finally:
            broker.delete(lambda topic: topic.startswith("peer-"))

    def produce(self, broker, topic, *, events=5_000_000, users=USERS, partitions=PARTITIONS, hot_share=0):
        """A new topic of behaviors, without items, of which states would have to keep ids too."""
        groups, catalog = (self.directory / f"{topic}-{name}" for name in ("groups.csv", "catalog.yaml"))
        job = Job(broker.address, topic, self.scaled(events), groups, catalog, users)
        broker.create(topic, partitions)
        if self.options.producer == "peer" and not hot_share:
            command = [
                self.programs.streams, "produce", "--bootstrap", job.brokers, "--topic", job.topic, "--groups", job.groups, "--catalog",
                job.catalog, "--group-count", GROUPS]
        else:
            command = [
                self.programs.interestd, "synth", "--brokers", job.brokers, "--topic", job.topic, "--cluster-map-out", job.groups,
                "--config-out", job.catalog, "--group-count", GROUPS, "--no-items", "--hot-user-share",
                hot_share]
        run([*command, "--events", job.events, "--users", users, "--shops", SHOPS], PRODUCE_S)
        return job

    def from_topics(self, name, workloads):
        """subject -> what its topic has other than usual."""
        with Broker(self.programs.kafka, self.directory / f"broker-{name}") as broker:
            jobs = {
                subject: self.produce(broker, f"{name}-{number}", **workload)
                for number, (subject, workload) in enumerate(workloads.items())
            }
            self.interleave(
                name, {subject: lambda job=job: self.subjects.interestd_from_broker(job) for subject, job in jobs.items()})

    def real(self):
        """The file is ingested as it is; the topic takes it as JSON."""
        data = self.programs.data
        file, groups, catalog = data / "behaviors.jsonl.gz", data / "groups.csv", data / "behaviors.yaml"
        subjects = {"file": lambda: self.subjects.interestd_from_file(file, groups, catalog)}
        if "Kafka" in self.programs.why:
            self.skip("real, from the broker", self.programs.why["Kafka"])
            self.interleave("real", subjects)
            return
        with Broker(self.programs.kafka, self.directory / "broker-real") as broker:
            broker.create("real", PARTITIONS)
            arguments = ["--brokers", broker.address, "--topic", "real", "--format", "json", "--json", file]
            told = run([self.programs.interestd, "produce", *arguments], PRODUCE_S).decode()
            events = last_object(told, "interestd produce")["delivered"]
            job = Job(broker.address, "real", events, groups, catalog)
            subjects["broker"] = lambda: self.subjects.interestd_from_broker(job)
            if "Kafka Streams" not in self.programs.why:
                subjects["kafka streams"] = lambda: self.streams(broker, job, False, "json")
            self.note_missing("real", ["Kafka Streams"])
            self.interleave("real", subjects)

    def events(self):
        self.from_topics("events", {f"{count:,} events": {"events": count} for count in (1_000_000, 20_000_000)})

    def users(self):
        self.from_topics("users", {f"{count:,} users": {"events": 20_000_000, "users": count} for count in (USERS, 500_000, 1_000_000)})

    def memory(self):
        """Without a broker's and librdkafka's share users cost what they cost us alone."""
        counts = [USERS, 500_000, 1_000_000]
        self.interleave("memory", {f"{count:,} users": self.in_process(20_000_000, users=count) for count in counts}, repeat=1)

    def partitions(self):
        self.from_topics(
            "partitions", {f"{count} partition{'s' if count > 1 else ''}": {"partitions": count} for count in (1, 64)})

    def hot(self):
        """The same records but for whose they are."""
        self.from_topics("hot", {"even": {}, HOT: {"hot_share": 0.3}})
