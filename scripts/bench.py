"""Measures the engine on this machine. Every figure is from this run; compare only within one.

Ratios are taken pair by pair (A, B, A, B, …) and the median is printed, so that a machine that
slows down meanwhile slows both.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click

from scripts.benchmark import images, scale
from scripts.ending import run_script
from store import digest
from store.cli.context import Context
from store.graph.resolver import Resolver
from store.jobs.lower import BuildLimits, build_request, scratch_ids
from store.layout.paths import Layout
from store.local.directories import make_directories
from store.model.derivation import Derivation
from store.model.names import ObjectId
from store.objects.ingest import ingest, ingest_outputs
from store.objects.scan import Scanner
from store.sandbox import runner
from store.sandbox.points import root_entries
from store.sandbox.request import BuildRequest
from store.system import kernel, removing

TOP = Path(__file__).resolve().parents[1]


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def quietly(words: list[str]) -> None:
    """Run a command that must succeed, its output dropped."""
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def row(what: str, figure: str, target: str = "") -> None:
    """One line of the report."""
    print(f"{what:58} {figure:>24}  {target}", flush=True)


def spread(times: list[float], unit: float = 1000) -> str:
    """Median, and the range, in milliseconds."""
    return (
        f"{statistics.median(times) * unit:.1f} "
        f"({min(times) * unit:.1f}-{max(times) * unit:.1f}) ms"
    )


def bench_scan(folder: str) -> None:
    """One large file with 100 candidate digests, by kind of data."""
    generator = random.Random(1)
    texts = ["".join(generator.choices(digest.ALPHABET, k=32)) for _ in range(100)]
    scanner = Scanner(texts)
    python = Path(os.path.realpath(sys.executable)).read_bytes()
    size = 256 << 20
    kinds = {
        "machine code": (python * (size // len(python) + 1))[:size],
        "random bytes": generator.randbytes(1 << 20) * 256,
        "zeros": bytes(size),
        "text": (Path(__file__).read_bytes() * (size // 6000))[:size],
    }
    for name, data in kinds.items():
        content = bytearray(data)
        for number, text in enumerate(texts):
            content[number * 2_000_003 : number * 2_000_003 + 32] = text.encode()
        path = Path(folder, "large")
        path.write_bytes(content)
        seconds = min(timed(partial(_scan, scanner, path)) for _ in range(3))
        row(f"scan {name}, 100 candidates", f"{size / seconds / 1e9:.2f} GB/s", "1 GB/s")


def _scan(scanner: Scanner, path: Path) -> None:
    found = 0
    with path.open("rb", buffering=0) as stream:
        tail = b""
        while chunk := stream.read(1 << 20):
            found += len(scanner.find(tail + chunk))
            tail = chunk[-31:]
    assert found == 100, found


def bench_ingest(folder: str, files: int = 20_000) -> None:
    """A tree of small files, against cp -a of the same; then the same again, all shared."""
    source = Path(folder, "tree")
    generator = random.Random(2)
    for number in range(files):
        place = source / f"{number % 200:03}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}").write_bytes(generator.randbytes(generator.randrange(200, 20_000)))
    ratios, ours, again = [], [], []
    for turn in range(3):
        root = f"{folder}/root{turn}"
        make_directories(Layout(root))
        os.sync()
        ours.append(timed(partial(ingest, root, str(source), "tree")))
        copy = f"{folder}/copy{turn}"
        theirs = timed(partial(quietly, ["cp", "-a", str(source), copy]))
        theirs += timed(os.sync)
        ratios.append(ours[-1] / theirs)
        again.append(timed(partial(ingest, root, str(source), "again")))
        shutil.rmtree(copy)
        removing.remove(root)
    row(f"add {files} small files", f"{files / statistics.median(ours):.0f} files/s")
    row("  against cp -a and sync", f"ratio {statistics.median(ratios):.2f}")
    row("  the same again, every file shared", f"{files / statistics.median(again):.0f} files/s")


def bench_sandbox(context: Context, folder: str, turns: int = 60) -> None:
    """A builder that does nothing, in the sandbox and bare."""
    root = context.object("seed.debian-userland")
    times = []
    for turn in range(turns):
        work = f"{folder}/work{turn}"
        os.mkdir(work)
        request = BuildRequest(
            name="nothing",
            builder="/bin/true",
            args=(),
            env=(),
            store_dir=context.store.layout.objects,
            work_dir=work,
            log_path=f"{work}/log",
            rootfs=str(root),
            inputs=(str(root),),
        )
        times.append(timed(partial(runner.run, request)))
        removing.remove(work)
    bare = [timed(partial(quietly, ["/bin/true"])) for _ in range(turns)]
    row("a sandboxed build of nothing", spread(times))
    row("  fork, exec and wait for /bin/true alone", spread(bare))
    overhead = statistics.median(times) - statistics.median(bare)
    row("  overhead of the sandbox", f"{overhead * 1000:.1f} ms", "15 ms")


def bench_noop(context: Context, package: str, turns: int = 21) -> None:
    """`store realise PACKAGE` when there is nothing to do, as a whole process."""
    command = [sys.executable, "-I", "-m", "store", "--root", context.root, "realise", package]
    wrapped = [str(TOP / "scripts" / "store"), "--root", context.root, "realise", package]
    for what, words in (("", command), (" through scripts/store", wrapped)):
        run = partial(quietly, words)
        run()
        row(
            f"realise {package}, nothing to do{what}",
            spread([timed(run) for _ in range(turns)]),
            "80 ms",
        )
    bare = partial(quietly, [sys.executable, "-I", "-c", "pass"])
    row("  python3 -c pass", spread([timed(bare) for _ in range(turns)]))


def bench_build(context: Context, folder: str, package: str, turns: int) -> None:
    """A real build in the sandbox, output ingested, against the same commands in a bare chroot."""
    resolver = Resolver(context.store, context.catalogue)
    goal = context.catalogue.ref(package)
    node = context.catalogue.nodes[goal.node]
    assert isinstance(node, Derivation)
    resolver.identify([ref.node for ref in node.refs])
    resolved = resolver.resolved(goal.node)
    assert resolved is not None
    assert resolved.rootfs is not None
    closure = context.store.objects.closure([*resolved.inputs, resolved.rootfs])
    cores = len(os.sched_getaffinity(0))
    place = f"{folder}/hand"
    pairs: list[tuple[Cost, Cost]] = []
    for turn in range(turns):
        work = f"{folder}/build{turn}"
        os.mkdir(work)
        request = build_request(context.store.layout, resolved, closure, work, BuildLimits(cores))
        request = replace(request, env=(*request.env, ("MAKEFLAGS", f"-j{cores}")))
        if not turn:
            _make_chroot(request, place)
        outputs = scratch_ids(resolved).values()
        inside = _cost(partial(_boxed, request, outputs, closure))
        removing.remove(work)
        _clear_chroot(request, place)
        outside = _cost(partial(_by_hand, request, place))
        pairs.append((inside, outside))
        row(f"{package}: sandbox and ingest", f"{inside.wall:.2f} s", f"{inside.processor:.2f} s")
        row(
            "  the same commands in a chroot", f"{outside.wall:.2f} s", f"{outside.processor:.2f} s"
        )
    wall = statistics.median(inside.wall / outside.wall for inside, outside in pairs)
    busy = statistics.median(inside.processor / outside.processor for inside, outside in pairs)
    row(f"{package}: ratio of {len(pairs)} pairs, by the wall", f"{wall:.3f}", "1.03")
    row("  by processor seconds", f"{busy:.3f}", "1.03")


class Cost(NamedTuple):
    """Seconds by the wall; and of processors, of this process and all that it waited for."""

    wall: float
    processor: float


def _cost(work: Callable[[], object]) -> Cost:
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    before = [resource.getrusage(each) for each in whose]
    wall = timed(work)
    after = [resource.getrusage(each) for each in whose]
    spent = sum(each.ru_utime + each.ru_stime for each in after)
    return Cost(wall, spent - sum(each.ru_utime + each.ru_stime for each in before))


def _boxed(
    request: BuildRequest, outputs: Iterable[ObjectId], closure: tuple[ObjectId, ...]
) -> None:
    if not runner.run(request).ok:
        raise click.ClickException(f"the build failed; its log is {request.log_path}")
    root = f"{request.work_dir}/root"
    make_directories(Layout(root))
    places = {oid: f"{request.work_dir}/store/{oid}" for oid in outputs}
    ingest_outputs(root, places, candidates=closure)


def _make_chroot(request: BuildRequest, place: str) -> None:
    """Make a folder with the devices and places of a build: no namespaces, filter or scan."""
    for name in ("build", "store", "tmp", "dev", "proc"):
        os.makedirs(f"{place}/{name}")
    for device in ("null", "zero", "random", "urandom"):
        rdev = os.stat(f"/dev/{device}").st_rdev
        os.mknod(f"{place}/dev/{device}", 0o020666, rdev)
    entries = root_entries(request)
    for name in (*entries.directories, *(f"store/{name}" for name in _inputs(request))):
        os.mkdir(f"{place}/{name}")
    for name in entries.files:
        Path(place, name).touch()
    for name, target in entries.links:
        os.symlink(target, f"{place}/{name}")


def _inputs(request: BuildRequest) -> list[str]:
    """Return the inputs that are directories; a builder by hand needs no other."""
    return [name for name in request.inputs if os.path.isdir(f"{request.store_dir}/{name}")]


def _mount_inputs(request: BuildRequest, place: str) -> None:
    """Mount the files that the sandbox has, too, in a process with mounts of its own.

    Copies of them would measure another thing: a compiler that was copied runs some 5 % faster,
    perhaps as it lies in the page cache in larger pieces.
    """
    kernel.unshare(kernel.CLONE_NEWNS)
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    entries = root_entries(request)
    for name in (*entries.directories, *entries.files):
        _bind(f"{request.store_dir}/{request.rootfs}/{name}", f"{place}/{name}")
    for name in _inputs(request):
        _bind(f"{request.store_dir}/{name}", f"{place}/store/{name}")


def _bind(source: str, target: str) -> None:
    kernel.mount(source, target, None, kernel.MS_BIND)
    kernel.restrict_mount(target, kernel.MS_RDONLY)


def _clear_chroot(request: BuildRequest, place: str) -> None:
    """Remove a former build from the folder, and put the given files where a builder finds them."""
    for path in (f"{place}/build", *(f"{place}/store/{name}" for name in request.outputs)):
        removing.remove(path)
    os.mkdir(f"{place}/build")
    for name, text in request.files:
        file = Path(place, "build", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def _by_hand(request: BuildRequest, place: str) -> None:
    """Run the builder of a request in a chroot."""
    child = os.fork()
    if child == 0:
        try:
            _mount_inputs(request, place)
            os.chroot(place)
            os.chdir("/build")
            sink = os.open("/build/log", os.O_CREAT | os.O_WRONLY)
            os.dup2(sink, 1)
            os.dup2(sink, 2)
            fixed = {"HOME": "/homeless", "TMPDIR": "/tmp", "TZ": "UTC", "LC_ALL": "C"}
            os.execve(request.builder, [request.builder, *request.args], fixed | dict(request.env))
        finally:
            os._exit(1)  # behind us lies code that removes folders, with what is mounted there
    _, status = os.waitpid(child, 0)
    if status:
        raise click.ClickException(f"the build by hand failed; its log is {place}/build/log")


@click.group(invoke_without_command=True)
@click.option("--root", help="A store that holds the seed and gcc (default: as for `store`).")
@click.option("--package", default="gcc", help="What the no-op realises.")
@click.option(
    "--build", help="A package whose build is timed against the same by hand (root only)."
)
@click.option("--turns", default=2, help="Turns of --build.")
@click.pass_context
def main(
    caller: click.Context, root: str | None, package: str, build: str | None, turns: int
) -> None:
    """Print the engine's figures on this machine.

    `scale` prints those of work at the size of stores, `images` those of images.
    """
    if caller.invoked_subcommand:
        return
    context = Context(root, None, False)
    with tempfile.TemporaryDirectory(dir=context.store.layout.tmp) as folder:
        if build:
            bench_build(context, folder, build, turns)
            return
        bench_noop(context, package)
        bench_sandbox(context, folder)
        bench_scan(folder)
        bench_ingest(folder)


main.add_command(scale.command)
main.add_command(scale.cache)
main.add_command(images.command)

if __name__ == "__main__":
    run_script(main)
