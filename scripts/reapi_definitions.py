"""Write ``store/reapi/definitions.binpb`` anew: ``reapi_definitions.py WHEEL BUILDGRID_WHEEL``.

It is a descriptor set of the Remote Execution API and of what that stands on, made by protoc from
the ``.proto`` files in a wheel of BuildStream's (version 2.8.1 for the committed one). They are
interfaces under the Apache License 2.0, of which a copy lies beside it. Comments are left out.
Those for workers are taken out of BuildGrid's wheel (version 0.4.4), which has them compiled.

The order of the files is protoc's own: each stands behind those that it imports.

Run it with a Python that has ``grpcio-tools``, in an environment for this alone.
"""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PLACE = Path(__file__).resolve().parents[1] / "store" / "reapi"
PROTOS = "buildstream/_protos/"
WANTED = (
    "build/bazel/remote/execution/v2/remote_execution.proto",
    "google/bytestream/bytestream.proto",
    "google/longrunning/operations.proto",
    "google/rpc/code.proto",
    "google/rpc/status.proto",
)
WORKERS = "buildgrid/_protos/google/devtools/remoteworkers/v1test2/"
NEEDED = "google/protobuf/field_mask.proto"
LICENCE = "licenses/LICENSE"
LAST_WORDS = "limitations under the License."


def main() -> None:
    """Make both files from the two wheels that are named."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(sys.argv[1]) as wheel:
        names = wheel.namelist()
        wheel.extractall(folder, [each for each in names if each.endswith(".proto")])
        (licence,) = (each for each in names if each.endswith(LICENCE))
        text, end, _ = wheel.read(licence).decode().partition(LAST_WORDS)  # others follow
        (PLACE / "LICENSE-APACHE").write_text(f"{text}{end}\n")
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}/{PROTOS}"]
        command += ["--include_imports", f"--descriptor_set_out={PLACE / 'definitions.binpb'}"]
        subprocess.run([*command, *WANTED, NEEDED], check=True)
    add_workers(Path(sys.argv[2]))


def add_workers(wheel: Path) -> None:
    """Add the definitions for workers, which stand as bytes in BuildGrid's modules."""
    from google.protobuf import descriptor_pb2

    place = PLACE / "definitions.binpb"
    definitions = descriptor_pb2.FileDescriptorSet.FromString(place.read_bytes())
    needed = definitions.file.pop()  # protoc keeps the order in which files are named
    with zipfile.ZipFile(wheel) as archive:
        for name in ("worker", "bots"):
            module = ast.parse(archive.read(f"{WORKERS}{name}_pb2.py"))
            (data,) = (
                ast.literal_eval(node.args[0])
                for node in ast.walk(module)
                if isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "AddSerializedFile"
            )
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            if needed.name in file.dependency:  # as protoc does, right before its first user
                definitions.file.append(needed)
            definitions.file.append(file)
    place.write_bytes(definitions.SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
