"""Write ``store/reapi/definitions.binpb`` anew: ``reapi_definitions.py WHEEL``.

It is a descriptor set of the Remote Execution API and of what that stands on, made by protoc from
the ``.proto`` files in a wheel of BuildStream's (version 2.8.1 for the committed one). They are
interfaces under the Apache License 2.0, of which a copy lies beside it. Comments are left out.

Run it with a Python that has ``grpcio-tools``, in an environment for this alone.
"""

from __future__ import annotations

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
LICENCE = "licenses/LICENSE"
LAST_WORDS = "limitations under the License."


def main() -> None:
    """Make both files from the wheel that is named by the only argument."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(sys.argv[1]) as wheel:
        names = wheel.namelist()
        wheel.extractall(folder, [each for each in names if each.endswith(".proto")])
        (licence,) = (each for each in names if each.endswith(LICENCE))
        text, end, _ = wheel.read(licence).decode().partition(LAST_WORDS)  # others follow
        (PLACE / "LICENSE-APACHE").write_text(f"{text}{end}\n")
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}/{PROTOS}"]
        command += ["--include_imports", f"--descriptor_set_out={PLACE / 'definitions.binpb'}"]
        subprocess.run([*command, *WANTED], check=True)


if __name__ == "__main__":
    main()
