"""A traced builder lives as an untraced one does, and no build is traced that need not be."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from store.errors import SandboxUnavailable
from store.system import ptrace
from tests.integration.laboratory import Lab
from tests.integration.test_sandbox import await_true, child_of, read_if_there

pytest_plugins = ["tests.integration.bench"]

TRACED = {"clock_ahead": 86400, "listing": "reversed"}


def told(lab: Lab, script: str) -> list[str]:
    """The lines that a script prints, traced; the same as untraced."""
    traced = lab.told(script, **TRACED)
    assert traced == lab.told(script)
    return traced


def test_only_a_build_that_needs_it_is_traced(lab: Lab) -> None:
    script = """
        for line in open('/proc/self/status'):
            if line.startswith(('TracerPid', 'Seccomp_filters')): print(line.split()[1])
        """
    assert lab.told(script) == ["0", "1"]
    assert lab.told(script, **TRACED) == ["1", "2"]


def test_a_traced_builder_finds_the_same_surroundings(lab: Lab) -> None:
    lines = told(
        lab,
        """
        import signal
        print([n for n in range(9999) if attempt(os.fstat, n) == 'ok'])
        print(os.getpid(), os.getppid(), os.getsid(0), os.getpgid(0), os.getcwd(), os.umask(0o22))
        print([n for n in signal.valid_signals() if signal.getsignal(n) == signal.SIG_IGN])
        print(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        print(sorted(n for n in os.listdir('/proc') if n.isdigit()))
        print(*[l.strip() for l in open('/proc/self/status') if l[:3] in ('Cap', 'NoN', 'Gro')])
        print(open('/proc/self/personality').read(), open('/proc/self/limits').read())
        print(attempt(os.kill, 1, 9), call(101, 0x4206, 1, 0, 0), sorted(os.environ))
        """,
    )
    assert lines[0] == "[0, 1, 2]"
    assert lines[3] == "set()"


def test_a_jobserver_reaches_a_traced_builder(lab: Lab) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"+++")
    try:
        script = "print(os.read(3, 2), os.write(4, b'+'))"
        assert lab.told(script, jobserver=(reading, writing), **TRACED) == ["b'++' 1"]
        assert os.read(reading, 9) == b"++"
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("sys.exit(255)", 255),
        ("os.kill(os.getpid(), 15)", -signal.SIGTERM),
        ("ctypes.string_at(0)", -signal.SIGSEGV),
        ("os.abort()", -signal.SIGABRT),
        ("os.kill(os.getpid(), 9)", -signal.SIGKILL),
    ],
)
def test_the_exit_status_is_the_builders(lab: Lab, script: str, status: int) -> None:
    assert lab.run(script, **TRACED).result.status == status


def test_time_and_memory_are_measured(lab: Lab) -> None:
    script = "x = bytearray(150 << 20); import time; time.sleep(0.2)"
    result = lab.run(script, **TRACED).result
    assert result.max_rss > 150 << 20
    assert 0.2 < result.wall < 10


def test_a_builder_that_cannot_be_executed_says_why_as_ever(lab: Lab) -> None:
    for builder in ("/bin/no-such-program", "/etc/passwd"):
        traced = lab.run("", builder=builder, **TRACED)
        plain = lab.run("", builder=builder)
        assert plain.result.exec_error is not None
        assert traced.result.exec_error == plain.result.exec_error
        assert traced.result.status == plain.result.status == 127
        assert traced.log == plain.log


def test_signals_arrive_once_each_and_interrupt_what_they_should(lab: Lab) -> None:
    lines = told(
        lab,
        """
        import signal, time
        seen = []
        for number in (signal.SIGUSR1, signal.SIGTRAP, signal.SIGCHLD, signal.SIGALRM,
                       signal.SIGRTMIN, signal.SIGCONT):
            signal.signal(number, lambda number, _: seen.append(number))
        for number in (signal.SIGUSR1, signal.SIGTRAP, signal.SIGRTMIN): signal.raise_signal(number)
        if os.fork() == 0: os._exit(7)
        print(os.waitstatus_to_exitcode(os.wait()[1]))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        pipe = os.pipe()
        libc.read.restype = ctypes.c_long
        signal.siginterrupt(signal.SIGALRM, True)
        buffer = ctypes.create_string_buffer(1)
        libc.read(pipe[0], buffer, 1)
        print(errno.errorcode[ctypes.get_errno()], [int(number) for number in seen])
        """,
    )
    assert lines == ["7", "EINTR [10, 5, 34, 17, 14]"]


def test_a_process_can_be_stopped_and_continued_by_its_parent(lab: Lab) -> None:
    lines = told(
        lab,
        """
        import signal, threading, time
        for number in (signal.SIGSTOP, signal.SIGTSTP):
            child = os.fork()
            if child == 0:
                threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
                os.setpgid(0, 0); os.kill(os.getpid(), number)
                time.sleep(0.5)  # or its end would be all that there is to wait for
                os._exit(5)
            status = os.waitpid(child, os.WUNTRACED)[1]
            print(os.WIFSTOPPED(status), os.WSTOPSIG(status) == number)
            time.sleep(0.05)
            print(open(f'/proc/{child}/stat').read().split()[2] in 'tT')
            os.kill(child, signal.SIGCONT)
            print(os.WIFCONTINUED(os.waitpid(child, os.WCONTINUED)[1]))
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """,
    )
    assert lines == ["True True", "True", "True", "5"] * 2


def test_threads_may_look_fork_and_execute_at_once(lab: Lab) -> None:
    lines = told(
        lab,
        """
        import subprocess, threading, time
        def work():
            for _ in range(20):
                time.time(); os.listdir('/dev')
                if (child := os.fork()) == 0: os._exit(len(os.listdir('/etc')))
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
            code = 'import time; print(time.time() > 1e9)'
            for _ in range(2):
                assert subprocess.check_output([sys.executable, '-I', '-S', '-c', code]) == b'True\\n'
            done.append(1)
        done, threads = [], [threading.Thread(target=work) for _ in range(6)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(len(done))
        """,  # noqa: E501
    )
    assert lines == ["6"]


def test_a_thread_that_is_not_the_first_may_execute(lab: Lab) -> None:
    lines = told(
        lab,
        """
        import threading, time
        code = 'import os, sys; print(sys.argv[1], os.getpid(), len(os.listdir("/etc")))'
        words = [sys.executable, '-I', '-S', '-c', code, 'executed']
        def busy():
            while True: time.time(); os.listdir('/dev')
        for _ in range(3): threading.Thread(target=busy, daemon=True).start()
        thread = threading.Thread(target=os.execv, args=(sys.executable, words), daemon=True)
        thread.start()
        time.sleep(60)
        """,
    )
    assert lines == ["executed 2 3"]


def test_every_way_to_start_a_process_is_followed(lab: Lab) -> None:
    script = """
        import subprocess, time
        words = [sys.executable, '-I', '-S', '-c', 'import time; print(int(time.time()), flush=True)']
        subprocess.run(words, check=True)  # vfork(2)
        os.waitpid(os.posix_spawn(words[0], words, os.environ), 0)  # CLONE_VFORK | CLONE_VM
        if os.fork() == 0: os.execv(words[0], words)
        os.wait()
        if (child := libc.syscall(56, 17, 0, 0, 0, 0)) == 0: os.execv(words[0], words)
        os.waitpid(child, 0)
        """  # noqa: E501
    times = [int(line) - 86400 - time.time() for line in lab.told(script, **TRACED)]
    assert len(times) == 4
    assert all(abs(difference) < 60 for difference in times)


def test_orphans_are_reaped_and_daemons_die_with_the_build(lab: Lab) -> None:
    outcome = lab.run(
        """
        import time
        for _ in range(20):
            if os.fork() == 0:
                if os.fork() == 0: time.sleep(0.01); os._exit(0)
                os._exit(0)
            os.wait()
        if os.fork() == 0:
            os.setsid()
            while True: open('/tmp/alive', 'w').write(str(time.monotonic())); time.sleep(0.005)
        while not os.path.exists('/tmp/alive') or len([
            n for n in os.listdir('/proc') if n.isdigit()]) > 2: time.sleep(0.01)
        """,
        timeout=30,
        **TRACED,
    )
    assert outcome.result.ok
    alive = Path(outcome.work, "tmp", "alive")
    last = alive.read_text()
    time.sleep(0.05)
    assert alive.read_text() == last


def test_a_traced_build_that_takes_too_long_is_stopped(lab: Lab) -> None:
    script = """
        import time
        if os.fork() == 0: os.setsid()
        while True: time.time()
        """
    outcome = lab.run(script, timeout=0.5, **TRACED)
    assert outcome.result.stopped == "timeout"
    assert outcome.result.wall < 10


@pytest.mark.parametrize("victim", ["caller", "init"])
def test_a_traced_build_dies_with_who_runs_it(lab: Lab, victim: str) -> None:
    request = lab.request(
        """
        import time
        os.fork()
        while True: open('/tmp/alive', 'w').write(str(time.time())); time.sleep(0.005)
        """,
        **TRACED,
    )
    pid = os.fork()
    if pid == 0:
        try:
            lab.carry_out(request)
        finally:
            os._exit(1)
    caller = pid if lab.uid is None else 0
    alive = f"{request.work_dir}/tmp/alive"
    await_true(lambda: bool(read_if_there(alive)))
    caller = caller or child_of(pid)
    os.kill(caller if victim == "caller" else child_of(caller), signal.SIGKILL)
    os.waitpid(pid, 0)

    def is_still() -> bool:
        before = read_if_there(alive)
        time.sleep(0.05)
        return read_if_there(alive) == before

    await_true(is_still)


def test_a_builder_that_traces_fails_in_a_traced_build(lab: Lab) -> None:
    script = """
        child = os.fork()
        if child == 0: print(call(101, 0, 0, 0, 0), flush=True); os._exit(0)
        os.wait()
        """
    assert lab.told(script) == ["ok"]
    assert lab.told(script, **TRACED) == ["EPERM"]


def test_a_program_that_may_not_be_read_still_runs(lab: Lab) -> None:
    # Its memory is closed to the tracer, so it is told the truth.
    script = """
        import shutil, subprocess
        shutil.copy(os.path.realpath(sys.executable), '/build/closed')
        os.chmod('/build/closed', 0o111)
        code = 'import os, time; print(len(os.listdir("/etc")), time.time() > 1e9)'
        print(subprocess.check_output(['/build/closed', '-I', '-S', '-c', code], text=True),
              end='', flush=True)
        """
    assert told(lab, script) == ["3 True"]


def test_a_kernel_that_forbids_tracing_is_named(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(pid: int, options: int) -> None:
        raise PermissionError(1, "Operation not permitted", "ptrace")

    monkeypatch.setattr(ptrace, "seize", refuse)
    with pytest.raises(SandboxUnavailable, match="tracing the builder") as caught:
        lab.run("", **TRACED)
    assert caught.value.hint
    assert lab.run("").result.ok


def test_a_filter_that_cannot_be_installed_is_an_error(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.sandbox.seccomp.trace_program", lambda **_: b"\0" * 8)
    with pytest.raises(SandboxUnavailable, match="tracing the builder"):
        lab.run("print('ran')", **TRACED)


def test_many_processes_run_under_the_tracer(lab: Lab) -> None:
    script = """
        for number in range(400):
            if (child := os.fork()) == 0: os._exit(len(os.listdir('/etc')))
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
        print('done')
        """
    assert told(lab, script) == ["done"]


WILD = """
    import random, threading, time
    random.seed(1)
    places = [0, 1, 8, 4095, -1, -8, -4096, 1 << 47, 1 << 63, (1 << 47) - 8, (1 << 64) - 16]
    buffer = ctypes.create_string_buffer(1 << 18)
    places += [ctypes.addressof(buffer), ctypes.addressof(buffer) + 65532]
    folder = os.open('/proc', os.O_RDONLY)
    numbers = (228, 96, 201, 230, 202, 78, 217)
    def wild(count):
        for _ in range(count):
            number = random.choice(numbers)
            args = [random.choice(places) for _ in range(6)]
            if number in (78, 217): args[0] = folder; args[2] = random.choice((0, 24, 65536, -1))
            if number in (228, 230): args[0] = random.choice((0, 5, 8, 11, 99, -1))
            if number == 230: args[1], args[2] = 1, random.choice(places[:-2])  # or it sleeps
            if number == 202: args[1] = random.choice((256 | 9, 6, 256, 256 | 128 | 9)); args[0] = 8
            words = [a - (1 << 64) if a >= 1 << 63 else a for a in (number, *args)]
            libc.syscall(*map(ctypes.c_long, words))
            os.lseek(folder, 0, 0)
    def scribble():
        while not over:
            ctypes.memset(buffer, random.choice((0, 1, 255)), 1 << 16)
    def lists():
        other = os.open('/usr', os.O_RDONLY)
        for _ in range(200):
            os.lseek(other, 0, 0)
            libc.syscall(ctypes.c_long(217), ctypes.c_long(other), buffer, ctypes.c_long(1 << 16))
    over = False
    threading.Thread(target=scribble, daemon=True).start()
    threads = [threading.Thread(target=wild, args=(300,)) for _ in range(3)]
    threads += [threading.Thread(target=lists)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    over = True
    for _ in range(10):
        if os.fork() == 0:
            for _ in range(3): threading.Thread(target=wild, args=(10000,), daemon=True).start()
            time.sleep(0.005)
            os._exit(0)
        os.wait()
    print('alive', flush=True)
    os._exit(0)
    """


@pytest.mark.parametrize(
    "traced",
    [{"clock_ahead": 86400, "listing": "shuffled"}, {"clock_stopped": 5, "listing": "reversed"}],
)
def test_no_pointer_harms_the_tracer(lab: Lab, traced: dict[str, object]) -> None:
    assert lab.told(WILD, timeout=25, **traced)[-1] == "alive"
