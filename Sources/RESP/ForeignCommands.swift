/// Redis' commands that make no sense here, so that whoever sends one learns why.
enum ForeignCommands {
  static let writes: [StaticString] = [
    "set", "setex", "psetex", "setnx", "setrange", "mset", "msetnx", "append", "getset", "getdel", "getex", "incr",
    "incrby", "incrbyfloat", "decr", "decrby", "del", "unlink", "expire", "expireat", "pexpire", "pexpireat",
    "persist", "rename", "renamenx", "copy", "move", "restore", "flushdb", "flushall", "swapdb", "lpush", "rpush",
    "lpushx", "rpushx", "lpop", "rpop", "lset", "linsert", "lrem", "ltrim", "sadd", "srem", "spop", "smove", "hset",
    "hsetnx", "hmset", "hdel", "hincrby", "hincrbyfloat", "zadd", "zrem", "zincrby", "zpopmin", "zpopmax", "setbit",
    "bitop", "bitfield", "pfadd", "pfmerge", "geoadd", "xadd", "xdel", "xtrim", "publish", "spublish", "touch",
  ]

  /// Those of `writes` that would remove a key.
  static let removals: [StaticString] = ["del", "unlink", "getdel"]

  static let absent: [(name: StaticString, reason: String)] = [
    ("cluster", "This instance has cluster support disabled"),
    ("asking", "This instance has cluster support disabled"),
    ("watch", "nothing is written here that could be watched"),
    ("unwatch", "nothing is written here that could be watched"),
    ("eval", "there are no scripts"),
    ("evalsha", "there are no scripts"),
    ("script", "there are no scripts"),
    ("fcall", "there are no scripts"),
    ("function", "there are no scripts"),
    ("subscribe", "there are no channels"),
    ("psubscribe", "there are no channels"),
    ("ssubscribe", "there are no channels"),
    ("keys", "users are not listed; 'interestd dump' writes all of a state"),
    ("scan", "users are not listed; 'interestd dump' writes all of a state"),
    ("randomkey", "users are not listed; 'interestd dump' writes all of a state"),
    ("dbsize", "users are not counted; 'interestd dump' writes all of a state"),
    ("getrange", "a value is read whole; INTEREST.SEQUENCE takes GROUPS, BEHAVIORS and FIELDS"),
    ("substr", "a value is read whole; INTEREST.SEQUENCE takes GROUPS, BEHAVIORS and FIELDS"),
    ("object", "a key is a user, and its value is made when it is read"),
    ("memory", "ask INFO, or /metrics over HTTP"),
    ("acl", "the password of AUTH is a token, whose right the configuration tells (auth)"),
    ("monitor", "ask /metrics over HTTP"),
    ("slowlog", "ask /metrics over HTTP"),
    ("latency", "ask /metrics over HTTP"),
    ("shutdown", "send SIGTERM to the process"),
    ("replicaof", "instances of a consumer group share the partitions"),
    ("psync", "instances of a consumer group share the partitions"),
    ("sync", "instances of a consumer group share the partitions"),
  ]
}
