"""A part of a commit of git as files: paths of it, and whatever links among these lead to."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterable

from store.display import quoted
from store.errors import EvaluationError


class CommitTree:
    """The commit that ``revision`` means in the repository around ``folder``.

    Raises EvaluationError where git has none.
    """

    def __init__(self, folder: str, revision: str) -> None:
        self._folder = folder
        self._revision = revision
        top = self._git(folder, "rev-parse", "--show-toplevel")
        self.top = os.fsdecode(top.removesuffix(b"\n"))
        """The repository's uppermost folder on this machine."""
        # As a digest, a revision is no option, whatever a user wrote.
        wanted = ("rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
        self._commit = self._git(self.top, *wanted).decode().strip()

    def within(self, path: str) -> str:
        """Return a path on this machine as the commit has it, relative to the repository's top."""
        return os.path.relpath(path, self.top)

    def write(self, paths: Iterable[str], place: str) -> None:
        """Write these paths of the commit below the empty folder ``place``, as far as it has them,
        with the targets of links. A link out of the repository leads where it leads on this
        machine. Raises EvaluationError."""
        there: set[str] = set()
        left = set(paths)
        while left := self._present(left - there):
            there |= left
            left = self._extract(left, place)

    def _present(self, paths: set[str]) -> set[str]:
        if not paths:
            return set()
        words = ("ls-tree", "-z", "--name-only", self._commit, "--", *sorted(paths))
        found = os.fsdecode(self._git(self.top, *words)).split("\0")
        return set(filter(None, found))

    def _extract(self, paths: set[str], place: str) -> set[str]:
        """Write these paths, all of which are there; returns the targets of links among them."""
        words = ("archive", "--format=tar", self._commit, "--", *sorted(paths))
        targets = set()
        with tarfile.open(fileobj=io.BytesIO(self._git(self.top, *words))) as archive:
            for member in archive:
                target = _write(archive, member, place, self.top)
                if target is not None:
                    targets.add(target)
        return targets

    def _git(self, folder: str, *words: str) -> bytes:
        """Return the output of git in a folder; EvaluationError if it fails."""
        command = ["git", "--literal-pathspecs", "-C", folder, *words]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
        except OSError as error:
            raise EvaluationError(
                f"git cannot be started: {error.strerror}", hint="--affected-since needs git"
            ) from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            raise EvaluationError(
                f"git has no recipes at {quoted(self._revision)}"
                + (f": {quoted(said)}" if said else ""),
                file=self._folder,
                hint=_remedy(self._folder, said),
            )
        return done.stdout


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, place: str, top: str) -> str | None:
    """Write one entry of an archive of git's; returns the target of a link within the commit."""
    path = os.path.join(place, member.name)
    # A commit that no git made could hold a link, and entries below it.
    if os.path.realpath(os.path.dirname(path)) != os.path.normpath(os.path.dirname(path)):
        raise EvaluationError(f"the commit has {quoted(member.name)} below a link")
    if member.isdir():
        os.makedirs(path, exist_ok=True)
    elif member.issym():
        target = os.path.normpath(os.path.join(os.path.dirname(member.name), member.linkname))
        within = not os.path.isabs(target) and target.partition("/")[0] != ".."
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(member.linkname if within else os.path.join(top, target), path)
        return target if within else None
    elif (file := archive.extractfile(member)) is not None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as written:
            written.write(file.read())
    return None


def _remedy(folder: str, said: str) -> str:
    """Return the hint for a revision that git does not find, or does not want to look for."""
    if "dubious ownership" in said:
        return "the repository is another user's, and git looks at it for its owner alone"
    words = ["git", "-C", folder, "rev-parse", "--is-shallow-repository"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.stdout.strip() == b"true":
        return "the clone is shallow: `git fetch --unshallow --tags` brings the other revisions"
    return "the folder of recipes has to be in a git repository that has this revision"
