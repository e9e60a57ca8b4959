#!/usr/bin/env python3
"""Writes Sources/interestd/GRPC/Descriptors.swift: the schemas of the gRPC services, for server reflection.

usage: embed_descriptors.py           writes the file
       embed_descriptors.py --check   exits 1 where it is not what protoc makes of the schemas now

needs: protoc (Debian: protobuf-compiler)
"""
import base64
import pathlib
import subprocess
import sys
import textwrap

SCHEMAS = pathlib.Path(__file__).resolve().parent
TARGET = SCHEMAS.parent / "Sources" / "interestd" / "GRPC" / "Descriptors.swift"
FILES = [
    "interest/v1/sequence.proto",
    "interest/v1/service.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
]


def descriptor_set():
    """A google.protobuf.FileDescriptorSet. protoc writes files after those that they import."""
    command = ["protoc", f"--proto_path={SCHEMAS}", "--descriptor_set_out=/dev/stdout", *FILES]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def source():
    text = textwrap.wrap(base64.b64encode(descriptor_set()).decode(), 112)
    return "\n".join(
        [
            "/// Written by Schemas/embed_descriptors.py, which a test holds against the schemas.",
            "enum Descriptors {",
            "  /// A `google.protobuf.FileDescriptorSet` in base64: the files of Schemas that gRPC's services stand on.",
            '  static let set: StaticString = """',
            *[f"    {line}\\" for line in text[:-1]],
            f"    {text[-1]}",
            '    """',
            "}",
            "",
        ]
    )


def main():
    if sys.argv[1:] == ["--check"]:
        if TARGET.read_text() != source():
            sys.exit(f"{TARGET} is not what protoc makes of the schemas: run Schemas/embed_descriptors.py")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_text(source())


main()
