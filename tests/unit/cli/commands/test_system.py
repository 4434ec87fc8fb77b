"""``store system`` on a machine of ours, and elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from store.activation import kernels, running
from store.activation.kernels import Kernel
from store.activation.running import Running
from store.cli.commands.system_ import command
from store.cli.context import Context
from store.errors import EvaluationError, UnknownObject, UsageError
from store.operations import system_changes
from tests.unit.machine import KERNELS, add_system, make_machine


class Machine:
    """The commands of a machine, and systems in its store."""

    def __init__(self, root: str, folder: Path) -> None:
        self._folder = folder
        self.context = Context(root, str(folder / "nowhere"), False)
        self.context.absent = "make"

    def add(self, name: str, *services: str) -> str:
        """Put a system with the kernel of this name into the store; its path."""
        return add_system(self.context.session, self._folder, name, *services)

    def run(self, *words: str) -> Result:
        """Run a command that ends well."""
        done = self.tried(*words)
        assert done.exception is None, done.exception
        return done

    def tried(self, *words: str) -> Result:
        """Run a command."""
        return CliRunner().invoke(command, words, obj=self.context)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(running, "running", lambda: Running("/run/image", 0))
    return Machine(make_machine(tmp_path, monkeypatch), tmp_path)


def test_a_system_runs_now_or_from_the_next_start(machine: Machine) -> None:
    done = machine.run("switch", machine.add("one"))
    assert (done.stdout, done.stderr) == ("", "generation 1 runs\n")
    done = machine.run("boot", machine.add("two", "web"))
    assert done.stdout == "+ service web\n"
    first, second, third = done.stderr.splitlines()
    assert first.startswith("1 difference, ")
    assert second == "generation 2 runs from the next start"
    assert third == f"its kernel, {KERNELS['two']}, starts with `reboot`"


def test_a_kernel_that_cannot_start_is_said_to_wait(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_changes, "refusal", lambda kernel: "it is locked")
    told = machine.run("switch", machine.add("two")).stderr
    assert f"its kernel, {KERNELS['two']}, waits for a cold start: it is locked" in told
    assert "hint: start the machine with it" in told


def test_generations_are_listed_and_compared(machine: Machine) -> None:
    machine.run("switch", machine.add("one", "mail"))
    machine.run("switch", machine.add("two", "web"))
    done = machine.run("list", "--json")
    numbers = [json.loads(line)["generation"] for line in done.stdout.splitlines()]
    assert sorted(numbers) == [1, 2]
    assert done.stderr.endswith("the image's own system runs\n")
    done = machine.run("diff")
    assert done.stdout == "- service mail\n+ service web\n"
    assert done.stderr.startswith("2 differences, ")
    backwards = [
        json.loads(line) for line in machine.run("diff", "2", "1", "--json").output.splitlines()
    ]
    assert [(each["name"], each["after"]) for each in backwards] == [("mail", ""), ("web", None)]
    assert machine.run("diff", "1", "1").stdout == ""


def test_one_goes_back_to_the_image_step_by_step(machine: Machine) -> None:
    machine.run("switch", machine.add("one"))
    machine.run("switch", machine.add("two"))
    done = machine.run("rollback")
    assert done.stderr.splitlines()[-1] == "generation 1 runs"
    assert machine.run("rollback").stderr == "the image's own system runs\n"
    assert isinstance(machine.tried("rollback", "9").exception, UnknownObject)


def test_before_the_first_generation_nothing_can_be_compared(machine: Machine) -> None:
    assert isinstance(machine.tried("diff").exception, UnknownObject)


def test_elsewhere_each_change_is_refused(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_machine() -> None:
        raise UsageError("this is no such machine")

    path = machine.add("one")
    monkeypatch.setattr(system_changes, "running", no_machine)
    for words in (("switch", path), ("boot", path), ("rollback",), ("list",), ("diff",)):
        assert isinstance(machine.tried(*words).exception, UsageError), words
    # A system is built anywhere: here, the recipes are lacking.
    assert isinstance(machine.tried("build", "system.site").exception, EvaluationError)


def test_process_1_starts_the_kernel_of_a_tree(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel, started = Kernel("kernel", "", None), list[tuple[Kernel, int]]()
    monkeypatch.setattr(kernels, "kernel_of", lambda tree: kernel)
    monkeypatch.setattr(kernels, "start", lambda *told: started.append(told))
    machine.run("start-kernel", "/run/tree", "--generation", "3")
    assert started == [(kernel, 3)]
