"""The messages and stubs of Schemas, compiled when imported."""
import importlib
import pathlib
import sys
import tempfile

from grpc_tools import protoc

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "Schemas"
_FOLDER = tempfile.TemporaryDirectory()
_FILES = ["interest/v1/sequence.proto", "interest/v1/service.proto"]

if protoc.main(["", f"-I{SCHEMAS}", f"--python_out={_FOLDER.name}", f"--grpc_python_out={_FOLDER.name}", *_FILES]):
    sys.exit("the schemas do not compile")
sys.path.insert(0, _FOLDER.name)
sequence = importlib.import_module("interest.v1.sequence_pb2")
service = importlib.import_module("interest.v1.service_pb2")
stubs = importlib.import_module("interest.v1.service_pb2_grpc")
