"""As much of librdkafka's producer as the harness needs, by its C API (librdkafka/rdkafka.h)."""

import ctypes
import ctypes.util
import time

PRODUCER, CONSUMER = 0, 1
END, TOPIC, PARTITION, VALUE, KEY, FLAGS, TIMESTAMP = 0, 1, 3, 4, 5, 7, 8
COPY = 2
QUEUE_FULL = -184


class _Memory(ctypes.Structure):
    _fields_ = [("start", ctypes.c_void_p), ("size", ctypes.c_size_t)]


class _Union(ctypes.Union):
    _fields_ = [
        ("text", ctypes.c_char_p), ("i32", ctypes.c_int32), ("i64", ctypes.c_int64), ("memory", _Memory), ("padding", ctypes.c_char * 64),
    ]


class _Argument(ctypes.Structure):
    """rd_kafka_vu_t"""

    _fields_ = [("kind", ctypes.c_int), ("value", _Union)]


class KafkaFailure(Exception):
    """`retriable`: the same call may be made again. `aborts`: the transaction has to be aborted. Otherwise the producer is done for."""

    def __init__(self, text, code=0, retriable=False, aborts=False):
        super().__init__(text)
        self.code, self.retriable, self.aborts = code, retriable, aborts


def _load():
    library = ctypes.CDLL(ctypes.util.find_library("rdkafka") or "librdkafka.so.1")
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_produceva", "rd_kafka_init_transactions"):
        getattr(library, name).restype = ctypes.c_void_p
    for name in ("rd_kafka_begin_transaction", "rd_kafka_commit_transaction", "rd_kafka_abort_transaction"):
        getattr(library, name).restype = ctypes.c_void_p
    for name in ("rd_kafka_error_string", "rd_kafka_err2str"):
        getattr(library, name).restype = ctypes.c_char_p
    return library


_library = _load()
_Report = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


def _check(error):
    """Of a call that returns rd_kafka_error_t *."""
    if not error:
        return
    error = ctypes.c_void_p(error)
    failure = KafkaFailure(
        _library.rd_kafka_error_string(error).decode(), ctypes.c_int(_library.rd_kafka_error_code(error)).value,
        bool(_library.rd_kafka_error_is_retriable(error)), bool(_library.rd_kafka_error_txn_requires_abort(error)))
    _library.rd_kafka_error_destroy(error)
    raise failure


class Client:
    """A producer is never destroyed: a process has one, and destroying one that is in trouble may take for ever."""

    def __init__(self, kind, properties):
        self.undelivered = 0
        text = ctypes.create_string_buffer(512)
        conf = ctypes.c_void_p(_library.rd_kafka_conf_new())
        for name, value in properties.items():
            if _library.rd_kafka_conf_set(conf, name.encode(), str(value).encode(), text, len(text)):
                raise KafkaFailure(text.value.decode())
        if kind == PRODUCER:
            # Kept here, as librdkafka calls it for as long as the client lives.
            self._report = _Report(self._delivered)
            _library.rd_kafka_conf_set_dr_msg_cb(conf, self._report)
        handle = _library.rd_kafka_new(kind, conf, text, len(text))
        if not handle:
            raise KafkaFailure(text.value.decode())
        self._handle = ctypes.c_void_p(handle)

    def _delivered(self, _client, message, _opaque):
        # rd_kafka_message_t begins with the error.
        if ctypes.c_int.from_address(message).value:
            self.undelivered += 1

    def send(self, topic, partition, key, value, timestamp_ms):
        """Waits while the queue is full."""
        arguments = (_Argument * 6)()
        for argument, kind in zip(arguments, (TOPIC, PARTITION, FLAGS, TIMESTAMP, KEY, VALUE)):
            argument.kind = kind
        arguments[0].value.text, arguments[1].value.i32 = topic.encode(), partition
        arguments[2].value.i32, arguments[3].value.i64 = COPY, timestamp_ms
        for argument, content in ((arguments[4], key), (arguments[5], value)):
            if content is not None:
                start = ctypes.cast(ctypes.c_char_p(content), ctypes.c_void_p)
                argument.value.memory.start, argument.value.memory.size = start, len(content)
        while True:
            try:
                _check(_library.rd_kafka_produceva(self._handle, arguments, ctypes.c_size_t(len(arguments))))
                _library.rd_kafka_poll(self._handle, 0)
                return
            except KafkaFailure as failure:
                if failure.code != QUEUE_FULL:
                    raise
                _library.rd_kafka_poll(self._handle, 100)

    def flush(self, timeout_ms):
        code = _library.rd_kafka_flush(self._handle, timeout_ms)
        if code:
            raise KafkaFailure(f"flush: {_library.rd_kafka_err2str(code).decode()}")

    def init_transactions(self, timeout_ms):
        _check(_library.rd_kafka_init_transactions(self._handle, timeout_ms))

    def begin(self):
        _check(_library.rd_kafka_begin_transaction(self._handle))

    def commit(self, timeout_ms):
        _check(_library.rd_kafka_commit_transaction(self._handle, timeout_ms))

    def abort(self, timeout_ms):
        _check(_library.rd_kafka_abort_transaction(self._handle, timeout_ms))

    def end(self, topic, partition, timeout_ms):
        """The offset behind the partition's last record or marker."""
        low, high = ctypes.c_int64(), ctypes.c_int64()
        code = _library.rd_kafka_query_watermark_offsets(
            self._handle, topic.encode(), partition, ctypes.byref(low), ctypes.byref(high), timeout_ms)
        if code:
            raise KafkaFailure(f"the end of {topic} {partition}: {_library.rd_kafka_err2str(code).decode()}")
        return high.value

    def close(self):
        _library.rd_kafka_destroy(self._handle)


def stable_ends(brokers, topic, partitions, patience_s):
    """The ends of the logs, once no transaction is open: its marker comes after the call that ends it."""
    clients = [
        Client(CONSUMER, {"bootstrap.servers": brokers, "isolation.level": level, "log_level": 3})
        for level in ("read_committed", "read_uncommitted")
    ]
    deadline = time.monotonic() + patience_s
    try:
        while True:
            try:
                stable, ends = [[client.end(topic, number, 5000) for number in range(partitions)] for client in clients]
                if stable == ends:
                    return ends
                failure = KafkaFailure(f"a transaction stays open: stable up to {stable}, and the ends are {ends}")
            except KafkaFailure as error:
                failure = error
            if time.monotonic() > deadline:
                raise failure
            time.sleep(0.1)
    finally:
        for client in clients:
            client.close()
