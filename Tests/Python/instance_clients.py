"""Clients of one instance over HTTP, gRPC and RESP, whose answers are told apart in the same three ways."""
import http.client
import json
import ssl
import urllib.parse

import grpc
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from grpc_schemas import service

PATH = "/interest.v1.InterestService/"
PROTOBUF = "application/x-protobuf"
WAIT_S = 15


class Retryable(Exception):
    """The answer is to ask again."""


class Refused(Exception):
    """The answer is an error that stays."""


class Gone(Exception):
    """There was no answer: the connection is not to be had, or has ended between two answers."""


class HTTP:
    def __init__(self, address, ca=None, token=None):
        self.address, self.ca = address, ca
        self.fields = {"Authorization": f"Bearer {token}"} if token else {}
        self.connection = None

    def connect(self):
        port = int(self.address.rsplit(":", 1)[1])
        if self.ca is None:
            return http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
        context = ssl.create_default_context(cafile=self.ca)
        return http.client.HTTPSConnection("localhost", port, timeout=WAIT_S, context=context)

    def exchange(self, path, body=None, accept=None, **fields):
        """A reply's status, fields and body. A body that is cut short is an error that no test expects."""
        fields = {name.replace("_", "-"): value for name, value in fields.items()} | self.fields
        if accept:
            fields["Accept"] = accept
        if self.connection is None:
            self.connection = self.connect()
        try:
            self.connection.request("GET" if body is None else "POST", path, body=body, headers=fields)
            reply = self.connection.getresponse()
        except (OSError, http.client.RemoteDisconnected, http.client.CannotSendRequest) as error:
            self.close()
            raise Gone(f"http: {error!r}") from error
        whole = reply.read()
        if reply.will_close:
            self.close()
        return reply.status, reply.headers, whole

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def ask(self, *arguments, **named):
        status, fields, body = self.exchange(*arguments, **named)
        if status == 503:
            if not fields.get("Retry-After"):
                raise Refused("503 without Retry-After")
            raise Retryable(body.decode())
        if status != 200:
            raise Refused(f"{status} {body.decode()}")
        return body

    def sequence(self, user, options="groups=100000", accept=None):
        return self.ask(f"/v1/users/{urllib.parse.quote(user, safe='')}/sequence?{options}", accept=accept)

    def groups(self, user, shops, accept=None):
        return self.ask(f"/v1/users/{urllib.parse.quote(user, safe='')}/groups?shops={','.join(shops)}", accept=accept)

    def batch(self, users, accept=None):
        return self.ask("/v1/sequences:batchGet", json.dumps({"users": users}), accept)

    def owns(self, user):
        """Whether the user is the instance's own: what another has forwarded is forwarded no more."""
        path = f"/v1/users/{urllib.parse.quote(user, safe='')}/sequence"
        return self.exchange(path, X_Interestd_Forwarded="127.0.0.1:1")[0] == 200


class GRPC:
    """Messages as bytes."""

    def __init__(self, address, ca=None, token=None):
        options = [("grpc.enable_retries", 0), ("grpc.max_receive_message_length", 64 << 20)]
        options += [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200)]
        if ca is None:
            self.channel = grpc.insecure_channel(address, options)
        else:
            credentials = grpc.ssl_channel_credentials(open(ca, "rb").read())
            port = address.rsplit(":", 1)[1]
            self.channel = grpc.secure_channel(f"localhost:{port}", credentials, options)
        self.metadata = [("authorization", f"Bearer {token}")] if token else []

    def ask(self, method, request, timeout=WAIT_S):
        call = self.channel.unary_unary(PATH + method)
        try:
            return call(request.SerializeToString(), timeout=timeout, metadata=self.metadata)
        except grpc.RpcError as error:
            text = f"{error.code().name} {error.details()}"
            if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
                raise Refused(text) from error
            # What the server itself has said has a time to try again with it.
            if any(key == "grpc-retry-pushback-ms" for key, _ in error.trailing_metadata() or ()):
                raise Retryable(text) from error
            raise Gone(text) from error

    def sequence(self, user, timeout=WAIT_S):
        return self.ask("GetSequence", service.GetSequenceRequest(user_id=user), timeout)

    def groups(self, user, shops, timeout=WAIT_S):
        return self.ask("GetGroups", service.GetGroupsRequest(user_id=user, shop_ids=shops), timeout)

    def batch(self, users, timeout=WAIT_S):
        return self.ask("BatchGetSequences", service.BatchGetSequencesRequest(user_ids=users), timeout)

    def close(self):
        self.channel.close()


class RESP:
    def __init__(self, address, ca=None, token=None):
        options = {"ssl": True, "ssl_ca_certs": ca} if ca else {}
        self.client = redis.Redis(
            host="localhost" if ca else "127.0.0.1", port=int(address.rsplit(":", 1)[1]), password=token,
            socket_timeout=WAIT_S, retry=Retry(NoBackoff(), 0), **options
        )

    def ask(self, *command):
        return self.judge(lambda: self.client.execute_command(*command))

    def pipeline(self, commands):
        """The replies; errors among them."""
        pipeline = self.client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return self.judge(lambda: pipeline.execute(raise_on_error=False))

    @staticmethod
    def error(error):
        """What an error among replies means."""
        text = str(error)
        if isinstance(error, (redis.exceptions.TryAgainError, redis.exceptions.BusyLoadingError)):
            return Retryable(text)
        return Retryable(text) if text.startswith(("TRYAGAIN ", "BUSY ", "LOADING ")) else Refused(text)

    def judge(self, ask):
        try:
            return ask()
        except redis.exceptions.BusyLoadingError as error:  # a ConnectionError, to redis-py
            raise self.error(error) from error
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError) as error:
            raise Gone(f"resp: {error}") from error
        except redis.exceptions.ResponseError as error:
            raise self.error(error) from error

    def sequence(self, user):
        return self.ask("GET", user)

    def close(self):
        self.client.close()


class Instance:
    """`name http=HOST:PORT grpc=HOST:PORT resp=HOST:PORT`, as a file of instances has it."""

    def __init__(self, line, ca=None, token=None):
        self.name, *fields = line.split()
        addresses = dict(field.split("=", 1) for field in fields if "=" in field)
        self.addresses, self.ca, self.token = addresses, ca, token
        self.http = HTTP(addresses["http"], ca, token)
        self.grpc = GRPC(addresses["grpc"], ca, token)
        self.resp = RESP(addresses["resp"], ca, token)

    def again(self):
        """Other connections to it."""
        fields = " ".join(f"{name}={address}" for name, address in self.addresses.items())
        return Instance(f"{self.name} {fields}", self.ca, self.token)

    def close(self):
        for client in (self.http, self.grpc, self.resp):
            client.close()


def instances(path, ca=None, token=None):
    with open(path) as file:
        return [Instance(line, ca, token) for line in file if line.strip()]
