// swift-tools-version: 6.2
import PackageDescription

/// `Ops/test` sets this for the sanitized builds: jemalloc stays out of them, and librdkafka's threads are made visible.
let sanitized = Context.environment["INTERESTD_SANITIZED"] != nil

/// What `interestd --version` calls the build; the scripts of Ops give the commit. (Package manifests are cached, so that asking git
/// here would tell an old one.)
let commit = Context.environment["INTERESTD_COMMIT"] ?? "development build"

/// `Ops/fuzz` sets this: the package is then the modules and the fuzz targets, and modules show what is internal.
let fuzzed = Context.environment["INTERESTD_FUZZ"] != nil
/// With `--sanitize fuzzer --sanitize address`, of which the compiler alone would hear but the last. Assertions stay on.
let fuzzing = ["-sanitize=fuzzer,address", "-enable-testing", "-assert-config", "Debug"]

let swift: [SwiftSetting] = [.treatAllWarnings(as: .error)] + (fuzzed ? [.unsafeFlags(fuzzing)] : [])
let cxx: [CXXSetting] = [.treatAllWarnings(as: .error)]

let systemLibraries: [Target] = [
  .systemLibrary(name: "CLinux"),
  .systemLibrary(name: "CRdKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
  .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
  .systemLibrary(name: "CNet", pkgConfig: "libevent_core", providers: [.apt(["libevent-dev", "libssl-dev"])]),
  .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
  .systemLibrary(name: "CNghttp2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
  .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
]

/// Libraries that are C++ only, or whose C API lacks something, behind a C API of ours.
let wrappers: [Target] = [
  .target(
    name: "CBuild",
    cSettings: [.define("INTERESTD_COMMIT", to: "\"\(commit)\"")]
  ),
  .target(name: "CRocksDB", cxxSettings: cxx, linkerSettings: [.linkedLibrary("rocksdb")]),
  .target(name: "CSimdJSON", cxxSettings: cxx, linkerSettings: [.linkedLibrary("simdjson")]),
  .target(name: "CBeast", cxxSettings: cxx),
  .target(name: "CPrometheus", cxxSettings: cxx, linkerSettings: [.linkedLibrary("prometheus-cpp-core")]),
]

/// C11's threads over pthread's, for the thread sanitizer.
let sanitizerTargets: [Target] = sanitized ? [.target(name: "CThreads")] : []

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swift)
}

/// Lowest first: a target depends only on those above it.
let modules: [Target] = [
  module("Threads", ["CLinux"]),
  module("Failpoints"),
  module("Bytes", ["CXXHash", "CZlib"]),
  module("InterestModel", ["Bytes"]),
  module("InterestCodec", ["Bytes", "InterestModel", "CSimdJSON"]),
  module("RocksDB", ["CRocksDB"]),
  module("Kafka", ["Threads", "CRdKafka"] + (sanitized ? ["CThreads"] : [])),
  module("Inputs", ["Bytes", "CZlib"]),
  module("Telemetry", ["Threads", "Bytes", "CPrometheus"]),
  module("NearestName"),
  module("DaemonConfig", ["InterestModel", "NearestName", "CYAML"]),
  module("CommandLineArguments", ["NearestName"]),
  module("InterestStore", ["Threads", "Failpoints", "Bytes", "InterestModel", "InterestCodec", "RocksDB"]),
  module("Lookup", ["Bytes", "InterestModel", "InterestCodec", "InterestStore"]),
  module(
    "Ingest",
    [
      "Threads", "Failpoints", "Bytes", "InterestModel", "InterestCodec", "InterestStore", "Kafka", "Inputs",
      "Telemetry",
    ]),
  module("Network", ["Threads", "Bytes", "CNet"]),
  module("HTTP", ["Threads", "Bytes", "Network", "CBeast", "CZlib"]),
  module("RESP", ["Threads", "Bytes", "Network", "Telemetry"]),
  module("GRPC", ["Threads", "Bytes", "Network", "Telemetry", "CNghttp2", "CZlib"]),
  module("Routing", ["Threads", "Kafka", "Network", "Telemetry"]),
  module(
    "Serving",
    [
      "Threads", "Bytes", "InterestModel", "InterestCodec", "InterestStore", "Lookup", "Network", "HTTP", "Routing",
      "Telemetry",
    ]),
  module("Synth", ["Bytes", "InterestModel", "InterestCodec"]),
  module(
    "Benchmarks",
    [
      "Threads", "Bytes", "InterestModel", "InterestCodec", "InterestStore", "Lookup", "Serving", "Ingest", "Synth",
      "Telemetry",
    ]),
]

let executable: Target = .executableTarget(
  name: "interestd",
  dependencies: [
    "CBuild", "Threads", "Bytes", "InterestModel", "InterestCodec", "InterestStore", "Lookup", "Ingest", "Inputs",
    "Failpoints", "Kafka", "Network", "HTTP", "GRPC", "RESP", "Routing", "Serving", "Telemetry", "DaemonConfig",
    "CommandLineArguments", "Synth", "Benchmarks",
  ],
  swiftSettings: swift,
  linkerSettings: sanitized ? [] : [.linkedLibrary("jemalloc")])

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestKit"], swiftSettings: swift)
}

let testTargets: [Target] = [
  .target(name: "TestKit", dependencies: ["Bytes", "InterestModel"], path: "Tests/TestKit", swiftSettings: swift),
  tests("BytesTests", ["Bytes"]),
  tests("ModelTests", ["Bytes", "InterestModel", "InterestCodec"]),
  tests("CodecTests", ["InterestModel", "InterestCodec"]),
  tests("StoreTests", ["Threads", "Bytes", "InterestModel", "InterestCodec", "InterestStore", "Lookup", "RocksDB"]),
  tests(
    "ServingTests",
    ["Threads", "Bytes", "InterestModel", "InterestCodec", "InterestStore", "Lookup", "Network", "HTTP", "Serving"]),
  tests("InputsTests", ["Inputs"]),
  tests("RocksDBTests", ["RocksDB"]),
  tests("KafkaTests", ["Bytes", "Kafka", "Threads"]),
  tests("NetworkTests", ["Network", "HTTP", "Threads"]),
  tests("RESPTests", ["Bytes", "Network", "RESP", "Threads"]),
  tests("GRPCTests", ["Bytes", "Network", "GRPC", "Threads", "CNghttp2", "CZlib"]),
  tests("TelemetryTests", ["Telemetry"]),
  tests("ConfigTests", ["DaemonConfig", "CommandLineArguments", "NearestName", "InterestModel"]),
  tests("IngestTests", ["Ingest", "Kafka", "InterestStore", "Lookup", "Synth", "Threads"]),
  tests("SimulationTests", ["Bytes", "InterestModel", "InterestCodec", "InterestStore", "Ingest", "Kafka", "RocksDB"]),
  tests("RoutingTests", ["Routing", "Kafka", "Network", "Telemetry", "Threads"]),
  tests("SynthTests", ["Synth", "Bytes", "InterestModel", "InterestCodec", "DaemonConfig"]),
  tests("EndToEndTests", ["Bytes", "Kafka"]),
]

/// libFuzzer has `main`: a target is a library with one function.
func fuzzTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: dependencies + ["FuzzKit"], path: "Tests/Fuzz/\(name)",
    swiftSettings: swift + [.unsafeFlags(["-parse-as-library"])],
    linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])])
}

let fuzzTargets: [Target] = [
  .target(
    name: "FuzzKit", dependencies: ["Bytes", "InterestModel", "InterestCodec"], path: "Tests/Fuzz/FuzzKit",
    swiftSettings: swift),
  fuzzTarget("FuzzJSON", ["InterestCodec"]),
  fuzzTarget("FuzzProtobuf", ["InterestCodec"]),
  fuzzTarget("FuzzConfluent", ["InterestCodec"]),
  fuzzTarget("FuzzState", ["Bytes", "InterestModel", "InterestCodec"]),
  fuzzTarget("FuzzKeys", ["InterestModel", "InterestStore"]),
  fuzzTarget("FuzzHTTP", ["Bytes", "Network", "HTTP"]),
  fuzzTarget("FuzzReplies", ["HTTP"]),
  fuzzTarget("FuzzGRPC", ["Bytes", "Network", "GRPC"]),
  fuzzTarget("FuzzRESP", ["Bytes", "Network", "RESP"]),
  fuzzTarget("FuzzDuplicateIDs", ["Bytes", "Ingest"]),
]

let daemonTargets = systemLibraries + wrappers + sanitizerTargets + modules + [executable] + testTargets

let package = Package(
  name: "interestd",
  products: fuzzed ? [] : [.executable(name: "interestd", targets: ["interestd"])],
  targets: fuzzed ? systemLibraries + wrappers + modules + fuzzTargets : daemonTargets,
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17)
