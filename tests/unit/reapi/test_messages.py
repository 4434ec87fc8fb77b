"""The definitions: all that is used is there, beside others' of the same names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from store.errors import UsageError
from store.reapi import messages
from store.reapi.messages import DEFINITIONS, files_of, message, method, missing_extra

USED = [
    "Capabilities.GetCapabilities",
    "ContentAddressableStorage.FindMissingBlobs",
    "ActionCache.GetActionResult",
    "Execution.WaitExecution",
    "google.longrunning.Operations.CancelOperation",
    "google.bytestream.ByteStream.Write",
    "google.devtools.remoteworkers.v1test2.Bots.UpdateBotSession",
]


@pytest.mark.parametrize("name", USED)
def test_methods_have_their_messages(name: str) -> None:
    found = method(name)
    assert found.path.startswith(("/build.bazel.remote.execution.v2.", "/google."))
    assert found.request().SerializeToString() == b""
    assert found.streams_requests == name.endswith("Write")
    assert found.streams_responses == name.endswith("WaitExecution")


AT_ONCE = """
import sys, threading
from store.reapi.messages import message, method
sys.setswitchinterval(1e-6)
names = ["Digest", "FindMissingBlobsRequest", "Directory", "FileNode"] * 4
ready, found = threading.Barrier(len(names)), []

def look(name):
    ready.wait()
    method("ContentAddressableStorage.FindMissingBlobs")
    found.append((name, message(name)))

threads = [threading.Thread(target=look, args=(name,)) for name in names]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert len(found) == len(names)
kinds = dict(found)
assert all(kinds[name] is kind for name, kind in found), "several classes of one message"
kinds["FindMissingBlobsRequest"](blob_digests=[kinds["Digest"](hash="x")])
kinds["Directory"](files=[kinds["FileNode"](digest=kinds["Digest"](hash="x"))])
"""


def test_threads_that_look_at_once_find_the_same_classes() -> None:
    subprocess.run([sys.executable, "-c", AT_ONCE], check=True)


def test_a_message_has_the_bytes_of_the_specification() -> None:
    assert message("Digest")(hash="ab", size_bytes=300).SerializeToString() == b"\n\2ab\x10\xac\2"


def test_the_definitions_are_taken_apart_as_protobuf_does() -> None:
    from google.protobuf import descriptor_pb2

    whole = Path(messages.__file__).with_name(DEFINITIONS).read_bytes()
    files = list(files_of(whole))
    told = descriptor_pb2.FileDescriptorSet.FromString(whole).file
    assert [descriptor_pb2.FileDescriptorProto.FromString(each) for each in files] == list(told)


LEFT_OUT = """
import sys
from store.reapi.messages import message
message("Digest")
from google.protobuf.internal import api_implementation
python = "google.protobuf.internal.python_message" in sys.modules
assert python == (api_implementation.Type() == "python")
"""


@pytest.mark.parametrize("kind", ["", "python"])
def test_protobufs_messages_in_python_are_loaded_only_where_used(kind: str) -> None:
    chosen = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": kind} if kind else {}
    subprocess.run([sys.executable, "-c", LEFT_OUT], check=True, env={**os.environ, **chosen})


OTHERS = """
from google.protobuf import descriptor_pb2, descriptor_pool
from store.reapi.messages import message
other = descriptor_pb2.FileDescriptorProto(
    name="build/bazel/remote/execution/v2/remote_execution.proto",
    package="build.bazel.remote.execution.v2",
)
other.message_type.add(name="Digest").field.add(name="other", number=1, type=3, label=1)
descriptor_pool.Default().Add(other)
assert message("Digest")(hash="x").hash == "x"
try:
    from buildstream._protos.build.bazel.remote.execution.v2 import remote_execution_pb2
except ImportError:
    pass
"""


def test_others_definitions_can_be_in_the_same_process() -> None:
    subprocess.run([sys.executable, "-c", OTHERS], check=True)


WITHOUT = """
import sys
sys.modules["google"] = sys.modules["google.protobuf"] = None
import store.reapi.server
from store.errors import UsageError
from store.reapi.endpoint import parse
from store.reapi.messages import check_extra
try:
    check_extra()
except UsageError:
    pass
else:
    sys.exit(2)
try:
    store.reapi.server.Server(parse("grpc://localhost:1"))
except UsageError as error:
    assert "extra `reapi`" in error.hint
else:
    sys.exit(1)
"""


def test_without_the_extra_that_is_said() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT], check=True)
    assert isinstance(missing_extra("grpc"), UsageError)


def test_neither_package_is_loaded_before_a_server_is_spoken_to() -> None:
    loaded = "{'grpc', 'google.protobuf'} & {*sys.modules}"
    code = "import sys, store.reapi.server; store.reapi.messages.check_extra()"
    code += f"; sys.exit(bool({loaded}))"
    subprocess.run([sys.executable, "-c", code], check=True)
