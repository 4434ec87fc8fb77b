"""The subjects of faults: commands with a small store before them, and all durable steps."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from store.system import removing
from tests.faults import rule
from tests.faults.running import Done, isolated, run
from tests.integration.laboratory import program_interpreter
from tests.older import give_second_names
from tests.recipes.copies import copy_recipes

COPY = "copy.mdb"


@dataclass(frozen=True)
class Subject:
    """A command, and how its store comes to be.

    ``words`` are its arguments, in which ``{place}`` stands for the folder of its inputs,
    ``{root}`` for its store, and ``{object}`` for :attr:`Workshop.object`; ``prepare`` makes the
    store before it, and these.
    """

    name: str
    words: tuple[str, ...]
    prepare: Callable[[Workshop], None]
    promises: bool = True
    """True if the objects that it prints are there when it has printed them."""
    reports: bool = False
    """True if a failure may be a finding on standard output, with an exit code for it."""
    leaves_out: bool = False
    """True if it may leave out of the index objects that it could not read, and says so; its next
    run has to have them again."""
    usable: bool = True
    """True if the store before it can be used; if not, nothing is asked until the command is done.
    """
    copies: bool = False
    """True if it writes COPY in the store's root, where there is one before: it is always whole."""
    swaps: bool = False
    """True if it replaces objects. After a kill, its next run clears the leftovers."""
    profiles: tuple[tuple[str, ...], ...] = ()
    """The packages of the default profile, before the command and after it: it has the ones or the
    others, whatever happens."""
    upgrades: bool = False
    """True if it brings the store to the present form. After a kill, its next run goes on."""


@dataclass
class Workshop:
    """A folder with a subject's inputs, its store as it is before, and one copy of it for each run.

    ``kept`` are the objects that must survive whatever happens, and ``facts`` the roots, and the
    recorded makers of these objects; ``damaged`` are those among them that are not whole
    before the command, and need not be until it says that they are.
    """

    place: Path
    subject: Subject
    environment: dict[str, str]
    kept: set[str] = field(default_factory=set)
    facts: frozenset[str] = frozenset()
    damaged: frozenset[str] = frozenset()
    object: str = ""
    count: int = 0

    @property
    def recipes(self) -> Path:
        """The small recipes, for the archive that lies beside them."""
        return self.place / "small"

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
        removing.remove(str(folder))

    def command(self, folder: Path, words: Sequence[str]) -> list[str]:
        """The command line for the copy in ``folder``."""
        chosen = [
            word.replace("{place}", str(self.place))
            .replace("{root}", str(folder / "root"))
            .replace("{object}", self.object)
            for word in words
        ]
        return ["--root", str(folder / "root"), "--recipes", str(self.recipes), *chosen]

    def run(
        self, folder: Path, *, strace: Sequence[str] = (), kill_after: float | None = None
    ) -> Done:
        """Run the subject's command on the copy in ``folder``."""
        words = self.command(folder, self.subject.words)
        return run(words, folder, self.environment, strace=strace, kill_after=kill_after)

    def must(self, *words: str) -> Done:
        """Run another command on the template, while preparing."""
        line = ["--root", str(self.template), "--recipes", str(self.recipes)]
        done = run([*line, *words], self.place, self.environment)
        if done.code != 0:
            raise RuntimeError(f"store {' '.join(words)} failed with {done.code}:\n{done.err}")
        return done

    def lost(self, folder: Path, done: Done) -> list[str]:
        """How the copy breaks the rule after a run that was hurt."""
        if not self.subject.usable and done.code != 0:
            return []
        said = self._said(done)
        gone = rule.left_out(done.out) if self.subject.leaves_out else set()
        kept = (self.kept | said) - gone
        facts = {fact for fact in self.facts if not any(name in fact for name in gone)}
        copy = rule.in_copy(str(folder / "root" / COPY), self.kept) if self.subject.copies else []
        step = rule.in_profile(str(folder / "root"), self.subject.profiles)
        return copy + step + rule.violations(str(folder / "root"), kept, facts, self.damaged - said)

    def recover(self, folder: Path) -> list[str]:
        """How the same command, run again unhurt, fails to do all of its work."""
        again = self.run(folder)
        if again.code != 0:
            return [f"the next run failed with {again.code}: {again.err}"]
        left = rule.left_by_swaps(str(folder / "root")) if self.subject.swaps else []
        if self.subject.upgrades and (folder / "root" / "links").exists():
            left.append("left: links/")
        left += rule.in_profile(str(folder / "root"), self.subject.profiles[1:])
        if self.subject.copies:
            left += rule.in_copy(str(folder / "root" / COPY), self.kept)
        kept = self.kept | self._said(again)
        return left + rule.violations(str(folder / "root"), kept, self.facts)

    def _said(self, done: Done) -> set[str]:
        return rule.promised(done.out, done.err) if self.subject.promises else set()


def small_recipes(folder: Path, archive: Path, *, dice: bool = False) -> Path:
    """A copy of the small recipes in ``folder``, for this archive."""
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    return copy_recipes("small", folder, rootfs=str(archive), sha256=sha256, dice=dice)


def workshop(place: Path, subject: Subject) -> Workshop:
    """The subject's folder at ``place``, made."""
    place.mkdir(parents=True)
    archive = place / "small-rootfs.tar"
    pack_rootfs(archive)
    small_recipes(place, archive)
    made = Workshop(place, subject, {"STORE_SEED": "debian"})
    subject.prepare(made)
    if made.template.exists() and not made.kept:
        made.kept = rule.objects(str(made.template))
    if made.template.exists() and not made.facts:
        made.facts = rule.facts(str(made.template), made.kept)
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


BROAD = 1700
"""Files of a tree that several processes copy, and remove by a manifest that they share out."""


def _broad_inputs(shop: Workshop) -> None:
    _a_store(shop)
    long = "a-name-that-makes-the-manifest-of-the-tree-as-long-as-it-has-to-be"
    tree = {f"d{at % 70}/{at}-{long}": f"file {at % 1600}\n" for at in range(BROAD)}
    write_tree(shop.place / "broad", tree)


def _with_broad_dead(shop: Workshop) -> None:
    """A broad tree that nothing keeps, and a small one that is kept and shares files with it."""
    _broad_inputs(shop)
    live = shop.must("add", str(shop.place / "many")).out.strip()
    shop.must("root", "add", "many", live)
    shop.kept = rule.promised(live)
    shop.must("add", str(shop.place / "broad"))


def _with_records(shop: Workshop) -> None:
    """Objects that were added and built, and roots."""
    _a_store(shop)
    shop.must("root", "add", "pair", shop.must("realise", "pair").out.strip())


def _with_copy(shop: Workshop) -> None:
    """The same with a copy of its index; and an object and a root that the copy does not have."""
    _with_records(shop)
    shop.must("index", "backup", str(shop.template / COPY))
    shop.must("root", "add", "late", shop.must("add", str(shop.place / "lone")).out.strip())


def _without_index(shop: Workshop) -> None:
    """The same without its index."""
    _with_records(shop)
    shop.kept = rule.objects(str(shop.template))
    shop.facts = rule.facts(str(shop.template), shop.kept)
    shop.clear(shop.template / "index")
    (shop.template / "index").mkdir(0o755)


def _with_another(shop: Workshop) -> None:
    """A store, and another one with an object that refers to others, of which one is here, too."""
    _with_records(shop)
    shop.template.rename(shop.place / "other")
    line = ["--root", str(shop.place / "other"), "--recipes", str(shop.recipes), "realise", "above"]
    done = run(line, shop.place, shop.environment)
    assert done.code == 0, done.err
    shop.object = done.out.strip()
    shop.must("add", str(shop.place / "old"))


def _with_damage(shop: Workshop) -> None:
    """Objects that are damaged, each in another way, and another store that has them whole.

    Of ``few`` and ``old`` it is a shared file that has other bytes, ``many`` has lost a file,
    ``lone`` its manifest, and ``where`` of ``base`` could be written to.
    """
    _a_store(shop)
    added = shop.must("add", *(str(shop.place / name) for name in ("few", "many", "lone"))).out
    shop.must("realise", "above")
    whole = rule.objects(str(shop.template))
    subprocess.run(["cp", "-a", shop.template, shop.place / "other"], check=True)
    few, many, lone = (path.removeprefix("/store/") for path in added.split())
    objects = shop.template / "store"
    base = next(name for name in whole if name.endswith("-base"))
    where = objects / base / "where"
    _write_over(objects / few / "below" / "b")
    _remove_from(objects / many / "d1", "5")
    (shop.template / "manifests" / lone).unlink()
    where.chmod(0o644)
    old = next(name for name in whole if name.endswith("-old"))
    shop.kept = whole
    shop.damaged = frozenset((few, many, lone, old, base))


def _with_lost_inputs(shop: Workshop) -> None:
    """Two objects that were built, of which one refers to the other, and that have other bytes; and
    nothing but another build has them whole. The root file system and its archive were collected.
    """
    _a_store(shop)
    for name in ("above", "old"):
        words = ("realise", name) if name == "above" else ("add", str(shop.place / name))
        shop.must("root", "add", name, shop.must(*words).out.strip())
    shop.must("gc")
    shop.kept = rule.objects(str(shop.template))
    above, base = (
        next(name for name in shop.kept if name.endswith(end)) for end in ("-above", "-base")
    )
    objects = shop.template / "store"
    victims = (objects / above, objects / base / "where")
    for victim in victims:
        _write_over(victim)
    shop.damaged = frozenset((above, base))


def _write_over(path: Path) -> None:
    """Other bytes of the same length, with nothing else changed that a stored file is known by."""
    found = path.stat()
    path.chmod(0o644)
    path.write_bytes(bytes(byte ^ 1 for byte in path.read_bytes()))
    path.chmod(found.st_mode)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def _remove_from(folder: Path, name: str) -> None:
    found = folder.stat()
    folder.chmod(0o755)
    (folder / name).unlink()
    folder.chmod(found.st_mode)
    os.utime(folder, ns=(found.st_atime_ns, found.st_mtime_ns))


def _without_sharing(shop: Workshop) -> None:
    """A store that was copied without its hard links, and without its table of contents."""
    _a_store(shop)
    shop.must("add", *(str(shop.place / name) for name in ("few", "many", "lone")))
    linked = shop.place / "linked"
    shop.template.rename(linked)
    keep = "--no-preserve=links"
    subprocess.run(["cp", "-a", keep, linked, shop.template], check=True)
    shop.clear(linked)
    (shop.template / "index" / "contents.mdb").unlink()


def _older(shop: Workshop) -> None:
    """A store of schema 3, whose files have second names."""
    _with_records(shop)
    shop.must("add", *(str(shop.place / name) for name in ("few", "many", "lone")))
    shop.kept = rule.objects(str(shop.template))
    shop.facts = rule.facts(str(shop.template), shop.kept)
    isolated(lambda: give_second_names(str(shop.template)))


def _with_profile(shop: Workshop) -> None:
    """A profile with one package, and another object that is to be installed."""
    _a_store(shop)
    few, many = shop.must("add", *(str(shop.place / name) for name in ("few", "many"))).out.split()
    shop.must("profile", "install", few)
    shop.object = many


def _with_generations(shop: Workshop) -> None:
    """A profile with two generations."""
    _with_profile(shop)
    (shop.place / "alone" / "lone").mkdir(parents=True)
    (shop.place / "alone" / "lone" / "file").write_text("one\n")
    lone = shop.must("add", str(shop.place / "alone" / "lone")).out.strip()
    shop.must("profile", "install", lone)


FIRST = Subject("first-add", ("add", "{place}/few"), _inputs)
ADD = Subject("add", ("add", "{place}/few", "{place}/many", "{place}/lone"), _a_store)
FETCH = Subject("fetch", ("realise", "rootfs"), lambda shop: None)
REALISE = Subject("realise", ("realise", "--cores", "2", "above", "pair"), _with_rootfs)

COLLECT = Subject("gc", ("gc",), _with_dead, promises=False)

BROAD_ADD = Subject("broad-add", ("add", "{place}/broad"), _broad_inputs)
BROAD_COLLECT = Subject("broad-gc", ("gc",), _with_broad_dead, promises=False)
REPAIR = Subject(
    "repair",
    ("verify", "--contents", "--repair", "--from", "{place}/other"),
    _with_damage,
    reports=True,
    swaps=True,
)
REMAKE = Subject(
    "remake",
    ("verify", "--contents", "--repair", "--cores", "2"),
    _with_lost_inputs,
    reports=True,
    swaps=True,
)
OPTIMISE = Subject(
    "optimise", ("optimise",), _without_sharing, promises=False, reports=True, swaps=True
)
IMPORT = Subject("import", ("import", "--from", "{place}/other", "{object}"), _with_another)
REBUILD = Subject("rebuild", ("index", "rebuild"), _with_records, leaves_out=True)
ANEW = Subject("rebuild-lost", ("index", "rebuild"), _without_index, leaves_out=True, usable=False)
INSTALL = Subject(
    "install",
    ("profile", "install", "{object}"),
    _with_profile,
    promises=False,
    profiles=(("few",), ("few", "many")),
)
SWITCH = Subject(
    "switch",
    ("profile", "switch", "1"),
    _with_generations,
    promises=False,
    profiles=(("few", "lone"), ("few",)),
)
BACKUP = Subject("backup", ("index", "backup", f"{{root}}/{COPY}"), _with_copy, copies=True)
RESTORE = Subject("restore", ("index", "restore", f"{{root}}/{COPY}"), _with_copy, leaves_out=True)

UPGRADE = Subject("upgrade", ("list",), _older, upgrades=True)

SUBJECTS = {
    subject.name: subject
    for subject in (
        *(FIRST, ADD, FETCH, REALISE, COLLECT, BROAD_ADD, BROAD_COLLECT),
        *(REPAIR, REMAKE, OPTIMISE, IMPORT, REBUILD, ANEW),
        *(BACKUP, RESTORE, UPGRADE, INSTALL, SWITCH),
    )
}
