"""Programs with the store at ``/store``, on the host's own file tree, without root."""

from __future__ import annotations

import os
import signal
import termios
from dataclasses import replace
from pathlib import Path

import pytest

from store.errors import SandboxUnavailable
from store.sandbox import enter
from tests.integration.laboratory import INPUT_FILE, Lab, act_as

pytest_plugins = ["tests.integration.bench"]


def entered(lab: Lab, command: str, cwd: str = "/", **env: str) -> tuple[int, list[str]]:
    """Wait status and lines of a shell command that was run inside."""

    def act() -> tuple[int, list[str]]:
        readable, writable = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.dup2(writable, 1)
            os.dup2(writable, 2)
            environment = {"PATH": os.environ["PATH"], **env}
            enter.enter(lab.store, ("/bin/sh", "-c", command), environment, cwd)
        os.close(writable)
        with os.fdopen(readable) as stream:
            lines = stream.read().splitlines()
        return os.waitpid(pid, 0)[1], lines

    return lab.act(act)


def test_the_store_is_there_and_read_only_and_the_host_too(lab: Lab) -> None:
    status, lines = entered(
        lab, f"cat /store/{INPUT_FILE}; touch /store/x || echo refused; ls /proc/self/status"
    )
    assert status == 0
    assert lines[0] == "content"
    assert lines[-2:] == ["refused", "/proc/self/status"]


def test_user_folder_environment_and_entries_of_the_root_stay(lab: Lab) -> None:
    command = "id -u; id -g; pwd; echo $FLAVOUR; ls -A /"
    status, lines = entered(lab, command, cwd="/usr/bin", FLAVOUR="plain")
    expected = lab.act(lambda: [str(os.geteuid()), str(os.getegid())])
    assert status == 0
    assert lines[:4] == [*expected, "/usr/bin", "plain"]
    assert sorted(lines[4:]) == sorted({*os.listdir("/"), "store"})


def test_files_of_the_user_can_be_written(lab: Lab) -> None:
    home = str(lab.base.parent)
    status, _ = entered(lab, f"echo x > {home}/written", cwd=home)
    assert status == 0
    assert Path(home, "written").read_text() == "x\n"


def test_exit_status_and_signal_are_the_programs(lab: Lab) -> None:
    assert os.waitstatus_to_exitcode(entered(lab, "exit 7")[0]) == 7
    assert os.waitstatus_to_exitcode(entered(lab, "kill -TERM $$")[0]) == -signal.SIGTERM


def test_an_ordinary_user_gains_no_right(lab: Lab) -> None:
    if lab.act(os.geteuid) == 0:
        pytest.skip("root keeps his rights")
    _, lines = entered(lab, "grep CapEff /proc/self/status; mount -t tmpfs none /tmp || echo no")
    assert lines[0].split() == ["CapEff:", "0" * 16]
    assert lines[-1] == "no"


def test_a_kernel_that_refuses_is_a_clear_error(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(flags: int) -> None:
        raise PermissionError(1, "Operation not permitted", "unshare")

    monkeypatch.setattr("store.system.kernel.unshare", refuse)
    monkeypatch.setattr("store.system.kernel.threads", lambda: 1)  # nothing is really entered
    with pytest.raises(SandboxUnavailable, match="making the namespaces"):
        lab.act(lambda: enter.enter(lab.store, ("/bin/true",), {}, "/"))


def test_a_kept_build_can_be_entered_with_our_own_streams(lab: Lab) -> None:
    request = lab.request("open('/build/state', 'w').write('kept')")
    assert lab.carry_out(request).result.ok
    inside = replace(
        request,
        args=(*request.args[:-1], "print(open('/build/state').read()); raise SystemExit(5)"),
    )

    def act() -> tuple[int, str]:
        readable, writable = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.dup2(writable, 1)
            os._exit(enter.enter_build(inside).status)
        os.close(writable)
        with os.fdopen(readable) as stream:
            text = stream.read()
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text

    assert lab.act(act) == (5, "kept\n")


def test_a_terminal_is_left_as_it_was(lab: Lab) -> None:
    request = lab.request("""
        import termios
        modes = termios.tcgetattr(0)
        modes[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
        termios.tcsetattr(0, termios.TCSANOW, modes)
        os.set_blocking(0, False)
        """)
    master, slave = os.openpty()
    before = termios.tcgetattr(slave)

    def enter_it() -> tuple[bool, bool, bool]:
        os.dup2(slave, 0)
        done = enter.enter_build(request)
        return done.ok, termios.tcgetattr(0) == before, os.get_blocking(0)

    try:
        assert act_as(os.geteuid() if lab.uid is None else lab.uid, enter_it) == (True, True, True)
    finally:
        os.close(master)
        os.close(slave)
