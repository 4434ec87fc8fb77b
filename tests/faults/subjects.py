"""What is hurt: commands with a store before them, each small, each through every durable step."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from store.build import cleaning
from tests.faults import rule
from tests.faults.running import Done, run
from tests.integration.laboratory import program_interpreter

SMALL = Path(__file__).resolve().parents[1] / "recipes" / "small"


@dataclass(frozen=True)
class Subject:
    """A command, and how its store comes to be.

    ``words`` are its arguments, in which ``{place}`` stands for the folder of its inputs;
    ``prepare`` makes the store before it, and these inputs.
    """

    name: str
    words: tuple[str, ...]
    prepare: Callable[[Workshop], None]
    promises: bool = True
    """Whether the objects that it prints are there when it has printed them."""


@dataclass
class Workshop:
    """A folder with a subject's inputs, its store as it is before, and one copy of it for each run.

    ``kept`` are the objects that must survive whatever happens.
    """

    place: Path
    subject: Subject
    environment: dict[str, str]
    kept: set[str] = field(default_factory=set)
    count: int = 0

    @property
    def template(self) -> Path:
        """The store before the command."""
        return self.place / "template"

    @contextmanager
    def copy(self) -> Iterator[Path]:
        """A folder with a fresh copy of the store in ``root``; removed at the end."""
        self.count += 1
        folder = self.place / f"run-{self.count}"
        folder.mkdir()
        try:
            if self.template.exists():
                subprocess.run(["cp", "-a", self.template, folder / "root"], check=True)
            yield folder
        finally:
            self.clear(folder)

    @staticmethod
    def clear(folder: Path) -> None:
        """Remove a folder, whatever modes it has."""
        cleaning.remove(str(folder))

    def command(self, folder: Path, words: Sequence[str]) -> list[str]:
        """The command line for the copy in ``folder``."""
        chosen = [word.replace("{place}", str(self.place)) for word in words]
        return ["--root", str(folder / "root"), "--recipes", str(SMALL), *chosen]

    def run(
        self, folder: Path, *, strace: Sequence[str] = (), kill_after: float | None = None
    ) -> Done:
        """Run the subject's command on the copy in ``folder``."""
        words = self.command(folder, self.subject.words)
        return run(words, folder, self.environment, strace=strace, kill_after=kill_after)

    def must(self, *words: str) -> Done:
        """Run another command on the template, while preparing."""
        line = ["--root", str(self.template), "--recipes", str(SMALL)]
        done = run([*line, *words], self.place, self.environment)
        if done.code != 0:
            raise RuntimeError(f"store {' '.join(words)} failed with {done.code}:\n{done.err}")
        return done

    def lost(self, folder: Path, done: Done) -> list[str]:
        """How the copy breaks the rule after a run that was hurt."""
        said = rule.promised(done.out, done.err) if self.subject.promises else set()
        kept = self.kept | said
        return rule.violations(str(folder / "root"), kept)

    def recover(self, folder: Path) -> list[str]:
        """How the same command, run again unhurt, fails to do all of its work."""
        again = self.run(folder)
        if again.code != 0:
            return [f"the next run failed with {again.code}: {again.err}"]
        return self.lost(folder, again)


def workshop(place: Path, subject: Subject) -> Workshop:
    """The subject's folder at ``place``, made."""
    place.mkdir(parents=True)
    archive = place / "small-rootfs.tar"
    pack_rootfs(archive)
    made = Workshop(place, subject, {"SMALL_ROOTFS": str(archive), "STORE_SEED": "debian"})
    subject.prepare(made)
    if made.template.exists() and not made.kept:
        made.kept = rule.objects(str(made.template))
    return made


def pack_rootfs(archive: Path) -> None:
    """A tar archive of this machine's shell, two tools, and the libraries that they load."""
    tools = {"sh": "/bin/sh", "mkdir": "/bin/mkdir", "ln": "/bin/ln"}
    with tarfile.open(archive, "w", dereference=True) as tar:
        packed: set[str] = set()
        for name, path in tools.items():
            tar.add(os.path.realpath(path), f"bin/{name}")
            for library in _libraries(os.path.realpath(path)) - packed:
                tar.add(os.path.realpath(library), library.lstrip("/"))
                packed.add(library)


def _libraries(program: str) -> set[str]:
    loader = program_interpreter(program)
    listed = subprocess.run([loader, "--list", program], capture_output=True, text=True, check=True)
    words = listed.stdout.split()
    return {loader, *(word for word in words if word.startswith("/"))}


# -- the subjects ---------------------------------------------------------------------------------


def write_tree(top: Path, files: Mapping[str, str]) -> None:
    """Files below ``top`` by their relative paths."""
    for name, text in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _inputs(shop: Workshop) -> None:
    few = {"a": "one\n", "below/b": "two\n", "below/same": "one\n"}
    write_tree(shop.place / "few", few)
    (shop.place / "few" / "a").chmod(0o755)
    (shop.place / "few" / "link").symlink_to("below/b")
    write_tree(shop.place / "many", {f"d{i % 4}/{i}": f"file {i}\n" for i in range(16)})
    (shop.place / "lone").write_text("by itself\n" * 1000)


def _a_store(shop: Workshop) -> None:
    _inputs(shop)
    write_tree(shop.place / "old", {"x": "two\n", "y": "file 3\n", "z": "old\n"})
    shop.must("add", str(shop.place / "old"))


def _with_rootfs(shop: Workshop) -> None:
    shop.must("realise", "rootfs")


def _with_dead(shop: Workshop) -> None:
    """Objects that a root keeps, and as many that nothing keeps and that share files with them."""
    _a_store(shop)
    _with_rootfs(shop)
    live = [shop.must("add", str(shop.place / name)).out.strip() for name in ("old", "many")]
    live.append(shop.must("realise", "pair").out.strip())
    for number, path in enumerate(live):
        shop.must("root", "add", f"root-{number}", path)
    shop.kept = rule.promised(*(shop.must("closure", path).out for path in live))
    shop.must("add", str(shop.place / "few"), str(shop.place / "lone"))
    shop.must("realise", "above")


FIRST = Subject("first-add", ("add", "{place}/few"), _inputs)
ADD = Subject("add", ("add", "{place}/few", "{place}/many", "{place}/lone"), _a_store)
FETCH = Subject("fetch", ("realise", "rootfs"), lambda shop: None)
REALISE = Subject("realise", ("realise", "--cores", "2", "above", "pair"), _with_rootfs)

COLLECT = Subject("gc", ("gc",), _with_dead, promises=False)

SUBJECTS = {subject.name: subject for subject in (FIRST, ADD, FETCH, REALISE, COLLECT)}
