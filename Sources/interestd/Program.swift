import CommandLineArguments

private let json = Option.flag(
  "json", help: "print the result as one JSON object on one line, the last on standard output")
private let config = Option.text(
  "config", "FILE", required: true, help: "the configuration; a data set's behaviors.yaml is one")
private let configIfAny = Option.text(
  "config", "FILE", help: "the configuration")
private let servingConfig = Option.text(
  "config", "FILE",
  help: "the configuration, for all that is not about Kafka and ingestion; behaviors are the state's own")
private let state = Option.text("state", "DIR", help: "the state directory (state.directory)")
private let clusterMap = Option.text(
  "cluster-map", "FILE", help: "the cluster map, a CSV shop_id,group_id (cluster_map)")
private let grpc = Option.text(
  "grpc", "HOST:PORT", help: "where gRPC is served (grpc.listen); port 0 takes a free one")
private let resp = Option.text(
  "resp", "HOST:PORT", help: "where RESP, Redis' protocol, is served (resp.listen); port 0 takes a free one")
private let http = Option.text("http", "HOST:PORT", help: "where HTTP is served (http.listen); port 0 takes a free one")

private let cache = Option.integer(
  "cache-mb", "N", in: 0...1_048_576, help: "MiB for answers that are ready; 0 keeps none (lookup.cache_bytes)")

private let brokers = Option.text("brokers", "HOST:PORT,...", help: "the Kafka brokers to ask first (kafka.brokers)")
private let group = Option.text("group", "GROUP", help: "the daemon's consumer group (kafka.group)")
private let partitioner = Option.choice(
  "partitioner", "NAME", of: ["murmur2", "crc32", "fnv1a"], default: "murmur2",
  help:
    "how keys choose partitions, as the daemon's kafka.partitioner: the Java client's, librdkafka's or Sarama's default"
)
private let topic = Option.text("topic", "TOPIC", help: "the topic of behaviors (kafka.topic)")

let program = Program(
  "interestd",
  discussion: "Keeps every user's lifelong behavior as a compact sequence of group interests, and serves it to ranking "
    + "models.\nStart with 'interestd ingest' on files, or 'interestd run' on a Kafka topic; then 'interestd lookup'.",
  version: Version.text,
  commands: [
    Command(
      "ingest", summary: "read behaviors from files into a state directory",
      discussion:
        "Reads behaviors from files, without a broker. How far each input was read is remembered in the state: run "
        + "again, it goes on there, also after a crash, and nothing is counted twice. Bad records go to dead-letters.jsonl in "
        + "the state directory.",
      arguments: [
        Argument(
          "INPUT", .repeated(minimum: 1),
          help:
            ".jsonl and .jsonl.gz (JSON lines), .binpb and .binpb.gz (length-delimited Protobuf), or - for JSON lines on "
            + "standard input")
      ],
      options: [
        config, clusterMap, state,
        .text(
          "input-name", "NAME", help: "remember standard input by this name and go on; without it, it is new each time"),
        .flag("compact", help: "also compact the state before ending: slower now, faster lookups"),
        json,
      ],
      examples: [
        Example(
          "interestd ingest --config behaviors.yaml --cluster-map groups.csv --state ./state behaviors.jsonl.gz",
          "reads one file")
      ]),
    Command(
      "run", summary: "the daemon: consume a Kafka topic and serve lookups",
      discussion:
        "Joins a consumer group, folds the topic's behaviors into the state directory and answers lookups over HTTP, "
        + "gRPC and RESP while it does. SIGTERM and SIGINT flush, commit the group's offsets and end it with exit code 0.",
      options: [
        config, brokers, topic, group, clusterMap, state,
        http, grpc, resp, cache,
      ],
      examples: [
        Example(
          "interestd run --config behaviors.yaml --brokers 127.0.0.1:9092 --topic behaviors --cluster-map groups.csv "
            + "--state ./state", "consumes a topic")
      ]),
    Command(
      "serve", summary: "answer lookups from a state directory, without Kafka",
      discussion:
        "Opens a state directory and answers lookups over HTTP, gRPC and RESP until SIGTERM or SIGINT. Meanwhile no "
        + "other process can open it.",
      options: [state, http, grpc, resp, clusterMap, cache, servingConfig],
      examples: [Example("interestd serve --state ./state --http 127.0.0.1:8080", "serves a state")]),
    Command(
      "lookup", summary: "print a user's group sequence",
      discussion:
        "Prints a user's groups, the newest first, as a table; with --json as the JSON that HTTP answers. An unknown "
        + "user has no groups.",
      arguments: [Argument("USER", help: "the user's id")],
      options: [
        .text("state", "DIR", help: "read this state directory, which no run, serve or ingest has open")
      ] + EndpointClient.options + QueryOptions.all + [json],
      oneOf: [["state", "endpoint"]],
      examples: [
        Example("interestd lookup 900 --state ./state --groups 10", "a user's ten newest groups"),
        Example(
          "interestd lookup 900 --endpoint https://host:8443 --ca ca.crt --token-file token", "of a protected instance"),
      ]),
    Command(
      "dump", summary: "print every user's full sequence",
      discussion:
        "Prints every user's sequence, uncut, one JSON object a line, in order of the user id's bytes: the same bytes "
        + "for the same behaviors, however they came. Partitions that the consumer group has given to another instance are "
        + "left out.",
      options: [
        .text("state", "DIR", required: true, help: "the state directory"),
        .flag("all-partitions", help: "also what is left of partitions that are another instance's now"),
      ],
      examples: [Example("interestd dump --state ./state > sequences.jsonl", "all users")]),
    Command(
      "produce", summary: "publish behaviors from files to a Kafka topic",
      discussion:
        "Publishes behaviors keyed by user id, on the partition that their producers would choose, timestamped now. "
        + "Exit code 0 means that every record was delivered.",
      arguments: [Argument("INPUT", .repeated(minimum: 1), help: "as of 'interestd ingest'")],
      options: [
        .text("brokers", "HOST:PORT,...", required: true, help: "the Kafka brokers to ask first"),
        .text("topic", "TOPIC", required: true, help: "the topic, which must exist"),
        .choice("format", "FORMAT", of: ["json", "protobuf"], default: "json", help: "what the records' values are"),
        partitioner, configIfAny, json,
      ],
      examples: [
        Example("interestd produce --brokers 127.0.0.1:9092 --topic behaviors behaviors.jsonl.gz", "publishes a file")
      ]),
    Command(
      "redrive", summary: "send dead letters back to their topic",
      discussion:
        "Reads the dead letters' topic from where the last redrive ended, and sends back what is a good record under the "
        + "configuration as it is now; the daemon then counts it as a new one. Letters that are still bad go to the end of the "
        + "dead letters, those of users who were erased since are dropped. Each step is one transaction: stopped or killed at any "
        + "moment and run again, no letter is lost or sent twice.",
      options: [
        config, brokers, topic, group, .flag("dry-run", help: "only tell what would be done"), json,
      ],
      examples: [Example("interestd redrive --config interestd.yaml --dry-run", "tells what could be sent back")]),
    Command(
      "erase", summary: "erase users: have everything of them forgotten",
      discussion:
        "Publishes an erase record for each user. Once the daemon has applied it, everything of the user before it is gone, in "
        + "every later replay as well; what comes after it counts.",
      arguments: [Argument("USER", .repeated(minimum: 1), help: "a user's id")],
      options: [config, brokers, topic, json],
      examples: [Example("interestd erase 1062 --config interestd.yaml", "erases a user")]),
    Command(
      "synth", summary: "generate synthetic behaviors",
      discussion:
        "Generates behaviors of users and shops that follow power laws, with a cluster map and a configuration for "
        + "them: the same for the same seed.",
      options: [
        .integer("events", "N", in: 1...100_000_000_000, required: true, help: "behaviors"),
        .integer("users", "U", in: 1...16_777_216, required: true, help: "users, numbered from 000000000000"),
        .integer("shops", "S", in: 1...100_000_000, required: true, help: "shops, numbered from 1"),
        .integer("group-count", "G", in: 1...10_000_000, default: 1024, help: "groups of shops"),
        .integer("seed", "SEED", in: 0...Int.max, default: 7, help: "another seed, other behaviors"),
        .number("late-share", "SHARE", in: 0...1, default: 0, help: "share of behaviors out of order"),
        .number("duplicate-share", "SHARE", in: 0...1, default: 0, help: "share of records that repeat an earlier one"),
        .flag("event-ids", help: "give every behavior an event_id; with --duplicate-share there are some anyway"),
        .flag("no-items", help: "give no behavior an item_id"),
        .number(
          "hot-user-share", "SHARE", in: 0...1, default: 0, help: "share of records that one user has beside his own"),
        .number("bad-share", "SHARE", in: 0...1, default: 0, help: "share of records that are bad in assorted ways"),
        .choice(
          "format", "FORMAT", of: ["json", "protobuf"], help: "of records for Kafka; a file's name tells its own"),
        .integer(
          "rate", "N", in: 1...1_000_000_000,
          help: "records a second, where they go to Kafka; default as fast as it goes"
        ),
        .text("cluster-map-out", "FILE", required: true, help: "where the cluster map is written"),
        .text("config-out", "FILE", required: true, help: "where the configuration is written"),
        .text("out", "FILE", help: "write to this file: .jsonl or .binpb, or - for JSON lines on standard output"),
        brokers, topic, partitioner, json,
      ],
      oneOf: [["out", "brokers"]],
      examples: [
        Example(
          "interestd synth --events 1000000 --users 10000 --shops 20000 --cluster-map-out g.csv --config-out c.yaml "
            + "--out b.jsonl", "a million behaviors")
      ]),
    Command(
      "bench ingest", summary: "measure ingestion on this machine",
      discussion:
        "Ingests a workload into a state of its own, which it removes, and tells what that cost: the synthetic workload from memory, "
        + "through the steps of the daemon's lane, or --from-kafka an existing topic from its beginning, through a consumer of its "
        + "own group. CPU time is the whole process's, until everything is compacted to the last level; the broker's is not in it.",
      options: [
        .integer("events", "N", in: 1...100_000_000_000, default: 5_000_000, help: "behaviors"),
        .integer("users", "U", in: 1...16_777_216, default: 50_000, help: "users of the synthetic workload"),
        .integer("shops", "S", in: 1...100_000_000, default: 100_000, help: "its shops"),
        .integer("group-count", "G", in: 1...10_000_000, default: 1024, help: "its groups of shops"),
        .integer("partitions", "P", in: 1...1024, default: 8, help: "partitions that it is spread over"),
        .choice("format", "FORMAT", of: ["json", "protobuf"], default: "protobuf", help: "of its records"),
        .flag("from-kafka", help: "read the topic instead; --config, --brokers, --topic and --cluster-map say which"),
        brokers, topic, clusterMap, configIfAny,
        .integer(
          "lookups", "N", in: 0...1_000_000, default: 1000,
          help: "lookups a second meanwhile, of synthetic users where --users is given or the workload is synthetic"),
        .flag("stages", help: "also time the steps apart, on one buffer of the synthetic workload"),
        .text("directory", "DIR", help: "where state and workload are put; default the directory of temporary files"),
        json,
      ],
      examples: [
        Example("interestd bench ingest", "five million behaviors from memory"),
        Example(
          "interestd bench ingest --from-kafka --brokers 127.0.0.1:9092 --topic behaviors --events 5000000 "
            + "--cluster-map groups.csv --config behaviors.yaml --json", "a topic, for a script"),
      ]),
    Command(
      "bench lookup", summary: "measure lookups in this process, without a network",
      discussion:
        "Looks random users up on one thread, as the loops of all protocols do: in the synthetic workload while its last buffer is "
        + "nearly full and its files are not compacted (hot), and compacted; or in a state that is there. Each is measured with every "
        + "answer made anew, and with all answers ready.",
      options: [
        .flag("in-process", help: "what it does with or without this flag, for scripts to say so"),
        .text("state", "DIR", help: "look into this state instead; it must not be open"),
        .integer("events", "N", in: 1...100_000_000_000, default: 5_000_000, help: "behaviors of the workload"),
        .integer("users", "U", in: 1...16_777_216, default: 50_000, help: "its users"),
        .integer("shops", "S", in: 1...100_000_000, default: 100_000, help: "its shops"),
        .integer("group-count", "G", in: 1...10_000_000, default: 1024, help: "its groups of shops"),
        .integer("partitions", "P", in: 1...1024, default: 8, help: "partitions that it is spread over"),
        .choice("form", "FORM", of: ["protobuf", "json"], default: "protobuf", help: "of the answers"),
        .integer("seconds", "S", in: 1...3600, default: 3, help: "of each measurement"),
        .integer("cache-mb", "N", in: 0...1_048_576, default: 256, help: "MiB for ready answers; 0: not measured"),
      ] + QueryOptions.selection + [
        .text("directory", "DIR", help: "where state and workload are put; default the directory of temporary files"),
        json,
      ],
      examples: [Example("interestd bench lookup --json", "five million behaviors of 50,000 users")]),
    Command(
      "config check", summary: "check a configuration and print what results",
      discussion:
        "Reads a configuration with the environment's overrides, and the certificates and tokens that it names, and prints the "
        + "effective one, defaults included and secrets hidden; or says everything that is wrong with it.",
      options: [config, json],
      examples: [Example("interestd config check --config interestd.yaml", "checks a file")]),
    Command(
      "config example", summary: "print a commented configuration with every key",
      discussion: "Prints every key with what it means, its unit, its bounds and its default.",
      examples: [Example("interestd config example > interestd.yaml", "a file to begin with")]),
  ],
  examples: [
    Example(
      "interestd ingest --config behaviors.yaml --cluster-map groups.csv --state ./state behaviors.jsonl.gz",
      "reads a file"),
    Example("interestd lookup 900 --state ./state", "shows a user"),
  ])
