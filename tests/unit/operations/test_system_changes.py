"""Changes of the system of a machine: its generations, and the kernel that is to start."""

from __future__ import annotations

from pathlib import Path

import pytest

from store import Session
from store.errors import UnknownObject, UsageError
from store.operations import system_changes
from store.operations.system_changes import SystemChanges
from tests.unit.machine import KERNELS, add_system, make_machine


@pytest.fixture
def changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SystemChanges:
    """The changes of a machine with no recipes, on the first kernel."""
    root = make_machine(tmp_path, monkeypatch)
    # Nothing here evaluates recipes: there are none.
    return SystemChanges(Session(root, recipes=str(tmp_path / "nowhere")))


def system(changes: SystemChanges, folder: Path, name: str) -> str:
    """Put a system with the kernel of this name into the store; returns its path."""
    return add_system(changes._session, folder, name)


def test_a_system_by_its_path_needs_no_recipes(changes: SystemChanges, tmp_path: Path) -> None:
    step = changes.choose(system(changes, tmp_path, "one"), now=True)
    assert step.generation is not None
    assert step.generation.number == 1


def test_another_kernel_is_the_next_one_until_it_runs(
    changes: SystemChanges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert changes.next_kernel() is None
    changes.choose(system(changes, tmp_path, "one"), now=True)
    assert changes.next_kernel() is None
    changes.choose(system(changes, tmp_path, "two"), now=False)
    found = changes.next_kernel()
    assert found is not None
    assert (found.kernel.package, found.refusal) == (KERNELS["two"], None)
    monkeypatch.setattr(system_changes, "refusal", lambda kernel: "it is locked")
    found = changes.next_kernel()
    assert found is not None
    assert found.refusal == "it is locked"
    changes.rollback()
    assert changes.next_kernel() is None


def test_back_to_the_image_its_kernel_is_the_next_one(
    changes: SystemChanges, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes.choose(system(changes, tmp_path, "two"), now=True)
    monkeypatch.setattr(system_changes, "running_kernel", lambda: f"{KERNELS['two']}/boot/bzImage")
    assert changes.next_kernel() is None
    assert changes.rollback() is None
    found = changes.next_kernel()
    assert found is not None
    assert found.kernel.package == KERNELS["one"]
    with pytest.raises(UnknownObject, match="image's own system already"):
        changes.rollback()


def test_a_missing_generation_names_the_commands_of_systems(
    changes: SystemChanges, tmp_path: Path
) -> None:
    changes.choose(system(changes, tmp_path, "one"), now=True)
    with pytest.raises(UnknownObject, match="has no generation 7") as caught:
        changes.rollback(7)
    assert caught.value.hint == "its generations: 1"
    with pytest.raises(UnknownObject, match="no generation before") as caught:
        changes.changes.rollback()
    assert caught.value.hint == "`store system list` lists all"
    link = Path(changes.profile.generation(1).link)
    link.unlink()
    link.symlink_to("../store/0000-profile")
    with pytest.raises(UnknownObject, match=r"generation 1 of .* is missing") as caught:
        changes.rollback(1)
    assert caught.value.hint == "`store system list` lists those that are there"


def test_without_a_generation_none_can_be_upgraded(changes: SystemChanges, tmp_path: Path) -> None:
    with pytest.raises(UnknownObject, match="no generation was chosen yet") as caught:
        changes.chosen()
    assert caught.value.hint == "`store system switch NAME` makes the first one"
    changes.choose(system(changes, tmp_path, "one"), now=False)
    assert changes.chosen().number == 1


def test_whatever_is_no_system_is_refused(changes: SystemChanges, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no system")
    path = changes._session.store.objects.add(str(tmp_path / "text"), "text").path
    with pytest.raises(UsageError, match="is no system: it has no init, it has no etc/runit/act"):
        changes.choose(path, now=True)
    assert changes.profile.generations() == []


@pytest.mark.parametrize("file", ["init", "etc/runit/begin", "etc/runit/services"])
def test_a_system_without_a_script_that_starts_it_is_none(
    changes: SystemChanges, tmp_path: Path, file: str
) -> None:
    system(changes, tmp_path, "one")
    (tmp_path / "system-one" / file).unlink()
    path = changes._session.store.objects.add(str(tmp_path / "system-one"), "part").path
    with pytest.raises(UsageError, match=f"is no system: it has no {file}$"):
        changes.choose(path, now=True)
    assert changes.profile.generations() == []
