"""Builders that try to break the build contract, clause by clause, and fail."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from store.errors import SandboxUnavailable, UnknownObject
from store.job_errors import BuildFailed
from store.sandbox import reuse, runner
from store.system import kernel, removing
from tests.integration.laboratory import INPUT, INPUT_FILE, INPUT_LINK, OUTPUT, ROOTFS, Lab, become

pytest_plugins = ["tests.integration.bench"]


# What the builder sees


def test_the_environment_is_the_contracts_and_the_derivations_and_nothing_else(lab: Lab) -> None:
    lines = lab.told(
        "print(*sorted(f'{k}={v}' for k, v in os.environ.items()), sep='\\n')",
        env=(("FLAVOUR", "plain"), ("LD_LIBRARY_PATH", lab.libraries)),
        cores=3,
    )
    assert [line for line in lines if not line.startswith("LD_LIBRARY_PATH")] == [
        "FLAVOUR=plain",
        "HOME=/homeless",
        "LC_ALL=C",
        "MAKEFLAGS= -j3",
        "SOURCE_DATE_EPOCH=1",
        "STORE_CORES=3",
        "TMPDIR=/tmp",
        "TZ=UTC",
    ]


def test_files_stand_in_the_folder_of_the_build_and_are_the_builders_own(lab: Lab) -> None:
    files = (("below/note", "some\n"), ("long", "x" * 200_000))
    script = """
        for path in ("below", "below/note", "long"):
            status = os.stat(path)
            print(path, oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns)
        print(len(open("/build/long").read()), sorted(os.listdir()))
        open("below/note", "a").write("more")
        os.rename("below/note", "below/other")
        os.unlink("long")
        print(open("below/other").read().split(), os.listdir())
        """
    assert lab.told(script, files=files) == [
        "below 0o40755 1000 100 1000000000",
        "below/note 0o100644 1000 100 1000000000",
        "long 0o100644 1000 100 1000000000",
        "200000 ['below', 'long']",
        "['some', 'more'] ['below']",
    ]


def test_a_derivation_may_set_a_variable_of_the_contract(lab: Lab) -> None:
    env = (("TZ", "CET"), ("LD_LIBRARY_PATH", lab.libraries))
    assert lab.told("print(os.environ['TZ'])", env=env) == ["CET"]


def test_the_root_holds_the_rootfs_and_our_own_entries(lab: Lab) -> None:
    script = "print(*sorted(os.listdir('/')), '-', *sorted(os.listdir('/dev')))"
    (line,) = lab.told(script)
    root, _, dev = line.partition(" - ")
    assert {"build", "dev", "etc", "proc", "store", "tmp"} <= set(root.split())
    assert not {"home", "root", "sys", "run", "var", "mnt"} & set(root.split()) - {
        Path(runner.__file__).parts[1],
        os.path.realpath(os.sys.executable).split("/")[1],  # type: ignore[attr-defined]
    }
    assert dev == "fd full null random shm stderr stdin stdout urandom zero"


def test_the_store_shows_the_input_closure_and_nothing_else(lab: Lab) -> None:
    assert lab.told("print(*sorted(os.listdir('/store')), sep='\\n')") == [
        INPUT,
        INPUT_FILE,
        INPUT_LINK,
    ]
    assert lab.told(f"print(open('/store/{INPUT_LINK}/bin/tool').read().strip())") == ["tool"]


def test_the_builder_is_one_ordinary_user_on_localhost(lab: Lab) -> None:
    lines = lab.told(
        """
        print(os.getresuid(), os.getresgid(), os.getcwd(), os.uname().nodename)
        print(open('/etc/passwd').read(), open('/etc/group').read(), open('/etc/hosts').read())
        print(os.umask(0o22))
        """
    )
    assert lines[0] == "(1000, 1000, 1000) (100, 100, 100) /build localhost"
    assert lines[1] == "builder:x:1000:100::/homeless:/bin/sh"
    assert lines[-1] == str(0o022)


def test_an_audit_may_ask_for_another_user(lab: Lab) -> None:
    assert lab.told("print(os.getuid(), os.getgid())", uid=4321, gid=999) == ["4321 999"]


def test_addresses_are_not_randomised_unless_an_audit_asks(lab: Lab) -> None:
    script = """
        lines = [line.split() for line in open('/proc/self/maps')]
        print(*[words[0] for words in lines if words[-1] in ('[stack]', '[vdso]', '[heap]')])
        """
    assert lab.told(script) == lab.told(script)
    assert lab.told(script, aslr=True) != lab.told(script, aslr=True)


def test_core_dumps_are_off_and_limits_are_defined(lab: Lab) -> None:
    script = """
        from resource import RLIMIT_CORE, RLIMIT_STACK, getrlimit
        print(getrlimit(RLIMIT_CORE), getrlimit(RLIMIT_STACK)[0])
        """
    assert lab.told(script) == ["(0, 0) 8388608"]


def test_signals_are_reset_and_unblocked(lab: Lab) -> None:
    old = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        lines = lab.told(
            """
            import signal
            print(signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL)
            print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
            """
        )
    finally:
        signal.signal(signal.SIGUSR1, old)
    assert lines == ["True", "[]"]


def test_only_the_standard_descriptors_are_open(lab: Lab) -> None:
    leaked = os.open("/", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    try:
        lines = lab.told(
            """
            print([n for n in range(9999) if attempt(os.fstat, n) == 'ok'])
            print(os.readlink('/proc/self/fd/0'), sys.stdin.read() == '')
            print(os.getsid(0) == os.getpid())
            print(attempt(os.open, '/dev/tty', os.O_RDWR))
            """
        )
    finally:
        os.close(leaked)
    assert lines == ["[0, 1, 2]", "/dev/null True", "True", "ENOENT"]


def test_a_jobserver_is_handed_on_as_make_expects(lab: Lab) -> None:
    pipe = os.pipe()
    os.write(pipe[1], b"+++")
    try:
        lines = lab.told(
            "print(os.environ['MAKEFLAGS'], os.read(3, 2), os.write(4, b'+'))",
            jobserver=pipe,
            cores=4,
        )
        assert os.read(pipe[0], 9) == b"++"
    finally:
        for fd in pipe:
            os.close(fd)
    assert lines == [" -j4 --jobserver-auth=3,4 b'++' 1"]


def test_output_is_in_the_log_while_the_build_runs(lab: Lab) -> None:
    request = lab.request(
        """
        import time
        print('first', flush=True)
        while not os.path.exists('/tmp/go'): time.sleep(0.01)
        print('second', file=sys.stderr)
        """
    )
    pid = os.fork()
    if pid == 0:
        os._exit(0 if lab.carry_out(request).result.ok else 1)
    await_true(lambda: read_if_there(request.log_path) == "first\n")
    Path(request.work_dir, "tmp", "go").touch()
    assert os.waitpid(pid, 0)[1] == 0
    assert read_if_there(request.log_path) == "first\nsecond\n"


# What it makes


def test_an_output_appears_in_the_work_directory(lab: Lab) -> None:
    outcome = lab.run(f"os.mkdir('/store/{OUTPUT}'); open('/store/{OUTPUT}/x', 'w').write('y')")
    assert Path(outcome.work, "store", OUTPUT, "x").read_text() == "y"


def test_temporary_folders_are_writable_and_on_the_disk_of_the_store(lab: Lab) -> None:
    outcome = lab.run(
        """
        for folder in ('/build', '/tmp', '/dev/shm'):
            open(folder + '/file', 'w').write('x')
        """
    )
    assert outcome.result.ok
    assert Path(outcome.work, "build", "file").exists()
    assert Path(outcome.work, "tmp", "file").exists()


@pytest.mark.parametrize("status", [0, 3, 255])
def test_the_exit_status_is_the_builders(lab: Lab, status: int) -> None:
    assert lab.run(f"sys.exit({status})").result.status == status


def test_a_signal_is_a_negative_status(lab: Lab) -> None:
    assert lab.run("os.kill(os.getpid(), 15)").result.status == -signal.SIGTERM


def test_time_and_memory_are_measured(lab: Lab) -> None:
    result = lab.run("x = bytearray(150 << 20); import time; time.sleep(0.2)").result
    assert result.max_rss > 150 << 20
    assert 0.2 < result.wall < 10
    assert 0 < result.user + result.system < 10
    assert result.level == "full"


def test_a_builder_that_is_not_there_is_a_result_and_stands_in_the_log(lab: Lab) -> None:
    outcome = lab.run("", builder="/bin/no-such-program")
    assert outcome.result.status == 127
    assert outcome.result.exec_error == (
        "cannot execute /bin/no-such-program: No such file or directory"
    )
    assert outcome.result.exec_error in outcome.log


def test_a_builder_that_is_no_program_is_a_result(lab: Lab) -> None:
    outcome = lab.run("", builder=f"/store/{INPUT_FILE}")
    assert outcome.result.exec_error is not None
    assert "Permission denied" in outcome.result.exec_error


def test_an_input_that_is_missing_is_an_error(lab: Lab) -> None:
    with pytest.raises(UnknownObject, match="nowhere"):
        lab.run("", inputs=("nowhere",))


# The network


def test_the_hosts_loopback_is_out_of_reach_and_the_builders_own_works(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        lines = lab.told(
            f"""
            import socket
            print(attempt(socket.create_connection, ('127.0.0.1', {port}), 2))
            with socket.create_server(('127.0.0.1', 0)) as own:
                print(attempt(socket.create_connection, own.getsockname(), 2))
            print(attempt(socket.create_connection, ('192.0.2.1', 80), 2))
            print([name for _, name in socket.if_nameindex() if name == 'lo'])
            """
        )
    assert lines == ["ECONNREFUSED", "ok", "ENETUNREACH", "['lo']"]


def test_abstract_sockets_of_the_host_are_out_of_reach(lab: Lab) -> None:
    name = f"\0fixpoint-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        script = f"import socket; print(attempt(socket.socket(1).connect, {name!r}))"
        assert lab.told(script) == ["ECONNREFUSED"]


def test_only_sockets_of_namespaced_families_can_be_made(lab: Lab) -> None:
    lines = lab.told(
        """
        print([call(41, family, 1, 0) for family in (40, 38, 31, 29, 21)])
        print([call(41, family, 2, 0) for family in (1, 2, 10)], call(41, 16, 3, 0))
        """
    )
    assert lines == [str(["EAFNOSUPPORT"] * 5), "['ok', 'ok', 'ok'] ok"]


# Other processes


def test_no_process_of_the_host_can_be_seen_or_signalled(lab: Lab) -> None:
    lines = lab.told(
        f"""
        print(sorted(n for n in os.listdir('/proc') if n.isdigit()), os.getpid())
        print(attempt(os.kill, {os.getpid()}, 0) if {os.getpid()} > 9 else 'ESRCH')
        """
    )
    assert lines == ["['2'] 2", "ESRCH"]


def test_the_first_process_cannot_be_killed_traced_or_read(lab: Lab) -> None:
    lines = lab.told(
        """
        for number in (9, 15, 19): attempt(os.kill, 1, number)
        print(call(101, 0x4206, 1, 0, 0), attempt(open, '/proc/1/environ'))
        print(attempt(os.listdir, '/proc/1/fd'))
        """
    )
    assert lines == ["EPERM ENOENT", "ENOENT"]


def test_a_process_left_behind_dies_with_the_build(lab: Lab) -> None:
    outcome = lab.run(
        """
        import time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True:
                    open('/tmp/alive', 'w').write(str(time.monotonic()))
                    time.sleep(0.005)
            os._exit(0)
        while not os.path.exists('/tmp/alive'): time.sleep(0.01)
        """
    )
    assert outcome.result.ok
    alive = Path(outcome.work, "tmp", "alive")
    last = alive.read_text()
    time.sleep(0.05)
    assert alive.read_text() == last


@pytest.mark.parametrize("victim", ["caller", "init"])
def test_killing_any_process_above_the_builder_kills_the_tree(lab: Lab, victim: str) -> None:
    request = lab.request(
        """
        import time
        if os.fork() == 0: os.setsid()
        while True:
            open('/tmp/alive', 'w').write(str(time.monotonic()))
            time.sleep(0.005)
        """
    )
    pid = os.fork()
    if pid == 0:
        try:
            if lab.uid is not None:
                become(lab.uid)
            os._exit(-runner.run(request).status)
        finally:
            os._exit(1)
    alive = f"{request.work_dir}/tmp/alive"
    await_true(lambda: bool(read_if_there(alive)))
    if victim == "caller":
        os.kill(pid, signal.SIGKILL)
    else:
        os.kill(child_of(pid), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) in (-signal.SIGKILL, signal.SIGKILL)

    def is_still() -> bool:
        before = read_if_there(alive)
        time.sleep(0.05)
        return read_if_there(alive) == before

    await_true(is_still)


def children() -> set[str]:
    """The processes that this one has started, zombies too."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_an_exception_in_the_caller_leaves_nothing_running(lab: Lab) -> None:
    request = lab.request(
        """
        import time
        while True:
            open('/tmp/alive', 'w').write(str(time.monotonic()))
            time.sleep(0.005)
        """
    )

    def interrupted() -> str:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        former = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        try:
            runner.run(request)
        except KeyboardInterrupt:
            before = read_if_there(f"{request.work_dir}/tmp/alive")
            time.sleep(0.05)
            return "still" if before == read_if_there(f"{request.work_dir}/tmp/alive") else "alive"
        finally:
            signal.signal(signal.SIGALRM, former)
        return "ended"

    before = children()
    assert lab.act(interrupted) == "still"
    assert children() <= before


# Inputs and the rest of the tree


def test_inputs_cannot_be_changed(lab: Lab) -> None:
    lines = lab.told(
        f"""
        tree, file = '/store/{INPUT}', '/store/{INPUT_FILE}'
        print(attempt(open, tree + '/bin/tool', 'w'), attempt(open, file, 'a'))
        print(attempt(os.chmod, tree, 0o777), attempt(os.chmod, file, 0o666))
        print(attempt(os.utime, file), attempt(os.unlink, tree + '/bin/tool'))
        print(attempt(os.rename, tree, '/store/elsewhere'), attempt(os.rmdir, tree))
        print(attempt(os.unlink, file), attempt(open, '/usr/new', 'w'))
        handle = os.open(file, os.O_RDONLY)
        print(attempt(open, f'/proc/self/fd/{{handle}}', 'w'), attempt(os.fchmod, handle, 0o666))
        """
    )
    assert set(" ".join(lines).split()) <= {"EROFS", "EBUSY", "EACCES", "ENOENT"}
    assert lines[1] == "EROFS EROFS"


def test_an_input_cannot_be_linked_into_an_output(lab: Lab) -> None:
    outcome = lab.run(
        f"""
        os.mkdir('/store/{OUTPUT}')
        print(attempt(os.link, '/store/{INPUT_FILE}', '/store/{OUTPUT}/hard'))
        print(call(86, b'/proc/self/fd/0', b'/store/{OUTPUT}/null'))
        """
    )
    assert outcome.lines[0] == "EXDEV"
    assert outcome.lines[1] in ("EXDEV", "EPERM")
    assert os.listdir(f"{outcome.work}/store/{OUTPUT}") == []


def test_mounts_cannot_be_changed(lab: Lab) -> None:
    lines = lab.told(
        f"""
        tree = b'/store/{INPUT}'
        print(call(165, b'none', tree, 0, 32 | 4096, 0), call(165, b'/build', tree, 0, 4096, 0))
        print(call(166, tree, 2), call(155, b'/', b'/build'), call(161, b'/build'))
        print(call(428, -100, tree, 1), call(442, -100, tree, 0, 0, 0), call(430, b'tmpfs', 0))
        """
    )
    assert set(" ".join(lines).split()) == {"EPERM"}


def test_the_root_is_read_only_and_proc_too(lab: Lab) -> None:
    lines = lab.told(
        """
        print(attempt(open, '/new', 'w'), attempt(open, '/etc/passwd', 'a'))
        print(attempt(os.mkdir, '/dev/x'))
        print(attempt(open, '/proc/sys/kernel/hostname', 'w'))
        print(attempt(open, '/proc/self/oom_score_adj', 'w'))
        """
    )
    assert set(" ".join(lines).split()) <= {"EROFS", "EACCES"}


def test_removing_dev_null_breaks_nothing(lab: Lab) -> None:
    before = os.stat("/dev/null")
    lines = lab.told(
        """
        print(attempt(os.unlink, '/dev/null'), attempt(os.rename, '/dev/null', '/dev/zero'))
        print(attempt(os.chmod, '/dev/null', 0o600), attempt(os.utime, '/dev/null'))
        open('/dev/null', 'w').write('x')
        print(open('/dev/zero', 'rb').read(2), attempt(os.write, os.open('/dev/full', 1), b'x'))
        print(len(open('/dev/urandom', 'rb').read(3)))
        """
    )
    assert set(" ".join(lines[:2]).split()) <= {"EROFS", "EBUSY", "EPERM"}
    assert lines[2:] == ["b'\\x00\\x00' ENOSPC", "3"]
    after = os.stat("/dev/null")
    assert stat.S_ISCHR(after.st_mode)
    assert (before.st_mtime_ns, before.st_mode) == (after.st_mtime_ns, after.st_mode)


def test_the_host_is_not_reachable_by_path(lab: Lab) -> None:
    lines = lab.told(
        f"""
        print(attempt(os.listdir, {lab.store!r}), os.path.exists('/../../sys/kernel'))
        print(attempt(os.listdir, '/proc/1/root'), attempt(os.listdir, '/proc/1/cwd'))
        """
    )
    assert lines == ["ENOENT False", "ENOENT ENOENT"]


# Rights


def test_every_right_is_gone(lab: Lab) -> None:
    script = "print(*[l.strip() for l in open('/proc/self/status') if l[:3] in ('Cap', 'NoN')])"
    (line,) = lab.told(script)
    words = line.split()
    assert set(words[1:-2:2]) == {"0" * 16}
    assert words[-2:] == ["NoNewPrivs:", "1"]


def test_groups_of_root_do_not_reach_the_builder(lab: Lab) -> None:
    if os.geteuid() != 0 or lab.uid is not None:
        pytest.skip("only root can give up his groups")
    groups = os.getgroups()
    os.setgroups([4, 27])
    try:
        assert lab.told("print(os.getgroups())") == ["[]"]
    finally:
        os.setgroups(groups)


def test_set_id_bits_cannot_be_made(lab: Lab) -> None:
    lines = lab.told(
        """
        os.chdir('/build')
        open('plain', 'w').close()
        handle = os.open('plain', os.O_RDWR)
        made, file = os.O_CREAT | os.O_RDWR, 0o100000
        for bits in (0o4755, 0o2755):
            print(call(90, b'plain', bits), call(91, handle, bits), call(268, -100, b'plain', bits))
            print(call(452, -100, b'plain', bits, 0), call(2, b'new', made, bits))
            print(call(257, -100, b'new', made, bits), call(257, -100, b'.', 0o20200002, bits))
            print(call(133, b'new', bits | file, 0), call(259, -100, b'new', bits | file, 0))
            print(call(85, b'new', bits))
        print(call(437, -100, b'new', b'x' * 24, 24), call(425, 1, b'x' * 120))
        print(os.listdir('.'), call(90, b'plain', 0o1755), call(2, b'plain', 0, 0o4755))
        os.mkdir('dir', 0o2777)
        print(oct(os.stat('dir').st_mode))
        """
    )
    assert set(" ".join(lines[:10]).split()) == {"EPERM"}
    assert lines[10:] == ["ENOSYS ENOSYS", "['plain'] ok ok", "0o40755"]


def test_set_id_bits_of_the_surroundings_are_not_inherited(lab: Lab) -> None:
    request = lab.request("os.mkdir('x'); print(oct(os.stat('x').st_mode))")
    os.chmod(request.work_dir, 0o2700)
    assert lab.carry_out(request).lines == ["0o40755"]


def test_extended_attributes_cannot_be_set(lab: Lab) -> None:
    lines = lab.told(
        """
        open('/build/x', 'w').close()
        handle = os.open('/build/x', os.O_RDWR)
        path, name = b'/build/x', b'user.a'
        print(call(188, path, name, b'v', 1, 0), call(189, path, name, b'v', 1, 0))
        print(call(190, handle, name, b'v', 1, 0), call(463, -100, path, 0, name, b'x' * 16, 16))
        print(call(197, path, name), os.listxattr(path))
        """
    )
    assert lines == ["ENOTSUP ENOTSUP", "ENOTSUP ENOTSUP", "ENOTSUP []"]


def test_what_the_disk_of_the_store_can_do_is_out_of_reach(lab: Lab) -> None:
    script = """
        folder = os.open('/build', os.O_RDONLY)
        name = bytes(8) + b'made'.ljust(4088, bytes(1))
        for number in (0x50009401, 0x5000940e, 0x50009417, 0x50009418, 0x4020bc10):
            print(call(16, folder, number, name))
        """
    assert lab.told(script) == ["ENOTTY"] * 5


def test_no_input_can_be_leased(lab: Lab) -> None:
    script = f"""
        import fcntl
        for path in ('/store/{INPUT_FILE}', '/store/{INPUT}/bin/tool'):
            file = os.open(path, os.O_RDONLY)
            for kind in (fcntl.F_RDLCK, fcntl.F_WRLCK):
                print(attempt(fcntl.fcntl, file, fcntl.F_SETLEASE, kind))
        print(fcntl.fcntl(file, fcntl.F_GETLEASE) == fcntl.F_UNLCK)
        """
    assert lab.told(script) == ["EINVAL"] * 4 + ["True"]


def test_no_namespace_can_be_made_or_entered(lab: Lab) -> None:
    lines = lab.told(
        """
        flags = (0x10000000, 0x20000, 0x20000000, 0x40000000, 0x4000000, 0x8000000, 0x2000000)
        print({call(272, flag) for flag in flags}, call(272, 0x80))
        print({call(56, flag | 17, 0, 0, 0, 0) for flag in flags}, call(435, b'x' * 88, 88))
        print(call(308, os.open('/proc/self/ns/net', os.O_RDONLY), 0), call(272, 0x400))
        """
    )
    assert lines == ["{'EPERM'} EPERM", "{'EPERM'} ENOSYS", "EPERM ok"]


def test_calls_that_reach_into_the_kernel_are_refused(lab: Lab) -> None:
    numbers = (321, 298, 323, 248, 249, 250, 246, 167, 175, 304)
    script = f"print({{call(number, 0, 0, 0, 0, 0, 0) for number in {numbers}}})"
    assert lab.told(script) == ["{'EPERM'}"]


def test_calls_of_other_architectures_do_not_exist(lab: Lab) -> None:
    # A page of code: mov eax, 20 (getpid of i386); int 0x80; ret
    lines = lab.told(
        """
        import mmap
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(bytes.fromhex('b814000000cd80c3'))
        code = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
        print(call(0x40000000 | 39), -code())
        """
    )
    assert lines == ["ENOSYS 38"]


def test_ordinary_builds_can_trace_and_fork(lab: Lab) -> None:
    lines = lab.told(
        """
        import subprocess, threading
        print(subprocess.check_output([sys.executable, '-I', '-S', '-c', 'print(1)']))
        thread = threading.Thread(target=print, args=('thread',)); thread.start(); thread.join()
        child = os.fork()
        if child == 0:
            os._exit(0 if call(101, 0, 0, 0, 0) == 'ok' else 1)
        print(os.waitpid(child, 0)[1])
        """
    )
    assert lines == ["b'1\\n'", "thread", "0"]


# Limits


def test_a_build_that_takes_too_long_is_stopped(lab: Lab) -> None:
    outcome = lab.run("import time; time.sleep(60)", timeout=0.4)
    assert outcome.result.stopped == "timeout"
    assert outcome.result.status == -signal.SIGKILL
    assert outcome.result.wall < 10


def test_a_build_that_says_nothing_is_stopped_and_one_that_talks_is_not(lab: Lab) -> None:
    # The start of Python is silent, too, and beside other work it takes long.
    talk = "import time\nfor _ in range(14): print(1, flush=True); time.sleep(0.25)"
    assert lab.run(talk, max_silent=3.0).result.ok
    assert lab.run("import time; time.sleep(60)", max_silent=0.4).result.stopped == "silent"


def test_a_build_that_fills_the_disk_is_stopped(lab: Lab) -> None:
    disk = os.statvfs(lab.store)
    reserve = disk.f_bavail * disk.f_frsize - (96 << 20)
    outcome = lab.run(
        """
        import time
        handle = os.open('/build/big', os.O_CREAT | os.O_RDWR)
        for size in range(1, 64): os.posix_fallocate(handle, 0, size << 23); time.sleep(0.02)
        time.sleep(60)
        """,
        disk_reserve=reserve,
    )
    assert outcome.result.stopped == "disk"
    removing.remove(outcome.work)


def test_memory_file_systems_are_bounded(lab: Lab) -> None:
    script = """
        def fill(path):
            with open(path, 'wb') as stream:
                for _ in range(400): stream.write(bytes(1 << 20))
        print(attempt(fill, '/dev/shm/big'), attempt(fill, '/new'))
        """
    assert lab.told(script) == ["ENOSPC EROFS"]


# Cleaning up


def test_whatever_a_builder_leaves_can_be_removed(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    outcome = lab.run(
        f"""
        os.mkdir('/store/{OUTPUT}')
        os.symlink({str(tmp_path)!r}, '/store/{OUTPUT}/out')
        os.makedirs('/build/locked/inner/deep')
        os.symlink('/', '/build/locked/inner/link')
        os.mkfifo('/build/fifo')
        open('/build/none', 'w').close(); os.chmod('/build/none', 0)
        for name in ('/build/locked/inner/deep', '/build/locked/inner', '/build/locked', '/build'):
            os.chmod(name, 0)
        os.chdir('/tmp')
        for _ in range(3000): os.mkdir('d'); os.chdir('d')
        """
    )
    assert outcome.result.ok, outcome.log
    lab.act(lambda: removing.remove(f"{outcome.work}/build"))
    lab.act(lambda: removing.remove(f"{outcome.work}/tmp"))
    lab.act(lambda: removing.remove(f"{outcome.work}/store"))
    assert sorted(os.listdir(outcome.work)) == ["linked", "log", "mount-point"]
    assert (tmp_path / "kept").read_text() == "kept"


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    removing.remove(str(tmp_path / "nothing"))


# The caller's side


def test_nothing_is_left_open_or_running_in_the_caller(lab: Lab) -> None:
    def descriptors() -> list[str]:
        before = sorted(os.listdir("/proc/self/fd"))
        runner.run(request)
        return [fd for fd in sorted(os.listdir("/proc/self/fd")) if fd not in before]

    request = lab.request("")
    assert lab.act(descriptors) == []


def test_a_process_with_threads_may_run_builds(lab: Lab) -> None:
    good, bad = lab.request("sys.exit(4)"), lab.request("", inputs=("nowhere",))

    def act() -> tuple[int, str]:
        done = threading.Event()
        other = threading.Thread(target=done.wait)
        other.start()
        try:
            status = runner.run(good).status
            try:
                runner.run(bad)
            except UnknownObject as error:
                return status, error.message
        finally:
            done.set()
            other.join()
        return status, ""

    status, message = lab.act(act)
    assert status == 4
    assert "nowhere" in message


def test_a_kept_work_directory_can_be_run_in_again(lab: Lab) -> None:
    request = lab.request("open('/build/state', 'w').write('kept')")
    assert lab.carry_out(request).result.ok
    again = lab.request("print(open('/build/state').read())", work_dir=request.work_dir)
    assert lab.carry_out(again).lines == ["kept"]


def test_a_filter_that_forbids_namespaces_is_named(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(flags: int) -> None:
        raise PermissionError(1, "Operation not permitted", "clone")

    monkeypatch.setattr("store.system.kernel.clone", refuse)
    with pytest.raises(SandboxUnavailable) as caught:
        lab.run("")
    assert "making the namespaces" in caught.value.message
    assert caught.value.hint


def child_of(parent: int) -> int:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            words = read_if_there(f"/proc/{entry}/stat").rpartition(")")[2].split()
            if words and int(words[1]) == parent:
                return int(entry)
    raise AssertionError(f"process {parent} has no child")


def await_true(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def read_if_there(path: str) -> str:
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_a_renewed_work_directory_shows_nothing_of_the_build_before(lab: Lab) -> None:
    look = """
        for top in ('/build', '/tmp', '/store'):
            found = os.stat(top)
            print(top, sorted(os.listdir(top)), oct(found.st_mode), found.st_uid, found.st_size)
        """
    fresh = lab.told(look)
    request = lab.request(
        """
        for top in ('/build', '/tmp', '/store'):
            os.makedirs(top + '/left/below')
            open(top + '/left/file', 'w').write('left')
            os.chmod(top + '/left', 0)
            os.chmod(top, 0o700)
        """
    )
    assert lab.carry_out(request).result.ok
    lab.act(lambda: reuse.renew(request.work_dir))
    assert lab.told(look, work_dir=request.work_dir, log_path=f"{request.work_dir}/log") == fresh


def test_no_builder_can_change_what_the_next_ones_inputs_are_mounted_on(lab: Lab) -> None:
    look = """
        found = os.stat('/store')
        print(sorted(os.listdir('/store')), oct(found.st_mode), found.st_uid, found.st_size)
        """
    fresh = lab.told(look, inputs=(INPUT_FILE,))
    both = (INPUT, INPUT_FILE)
    request = lab.request(
        f"""
        tree, file = '/store/{INPUT}', '/store/{INPUT_FILE}'
        for path in (tree, file):
            print(attempt(os.rename, path, '/store/moved'), attempt(os.unlink, path))
            print(attempt(os.chmod, path, 0o777), attempt(os.utime, path))
        print(attempt(os.rmdir, tree), attempt(os.link, file, '/store/{OUTPUT}'))
        open('/store/left', 'w').write('left')
        """,
        inputs=both,
    )
    outcome = lab.carry_out(request)
    assert outcome.result.ok, outcome.log
    assert set(" ".join(outcome.lines).split()) == {"EBUSY", "EISDIR", "EROFS", "EXDEV"}
    store = Path(request.work_dir, "store")
    points = {name: (store / name).stat().st_ino for name in both}
    lab.act(lambda: reuse.renew(request.work_dir, both))
    assert {path.name: path.stat().st_ino for path in store.iterdir()} == points
    assert (os.listdir(store / INPUT), (store / INPUT_FILE).read_text()) == ([], "")
    lab.act(lambda: reuse.shed(request.work_dir, (INPUT_FILE,)))
    known = {"work_dir": request.work_dir, "log_path": f"{request.work_dir}/log"}
    assert lab.told(look, inputs=(INPUT_FILE,), **known) == fresh


def test_what_stands_in_the_place_of_a_copied_link_is_not_kept(lab: Lab) -> None:
    inputs = (INPUT, INPUT_LINK)
    request = lab.request(
        f"""
        os.unlink('/store/{INPUT_LINK}')
        os.mkdir('/store/{INPUT_LINK}')
        open('/store/{INPUT_LINK}/left', 'w').write('left')
        """,
        inputs=inputs,
    )
    assert lab.carry_out(request).result.ok
    lab.act(lambda: reuse.renew(request.work_dir, inputs))
    assert os.listdir(f"{request.work_dir}/store") == []
    assert not os.path.exists(f"{request.work_dir}/linked")


def test_an_input_that_is_gone_since_the_build_before_is_named(lab: Lab) -> None:
    request = lab.request("", inputs=(INPUT,))
    assert lab.carry_out(request).result.ok
    os.mkdir(f"{request.work_dir}/store/gone")
    with pytest.raises(UnknownObject, match="gone"):
        lab.carry_out(replace(request, inputs=(INPUT, "gone")))


# Builders that attack the process that starts them


ENDINGS = {
    "a traced process that stops": ("libc.ptrace(0, 0, 0, 0); os.kill(os.getpid(), 10)", -10),
    "one that is traced and exits": ("libc.ptrace(0, 0, 0, 0); os._exit(7)", 7),
    "one that executes while traced": (
        "libc.ptrace(0, 0, 0, 0); os.execv(sys.executable, [sys.executable, '-c', '1'])",
        -5,
    ),
    "a real-time signal": ("os.kill(os.getpid(), 64)", -64),
    "an exit status of 255": ("os._exit(255)", 255),
    "a grandchild that is traced by us": (
        """
        if os.fork() == 0:
            if os.fork() == 0:
                import time
                time.sleep(0.1)
                libc.ptrace(0, 0, 0, 0)
                os.kill(os.getpid(), 10)
            os._exit(0)
        os.wait()
        import time
        time.sleep(0.3)
        """,
        0,
    ),
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_however_a_builder_ends_its_status_is_told(lab: Lab, ending: str) -> None:
    script, status = ENDINGS[ending]
    assert lab.run(script, timeout=20).result.status == status


@pytest.mark.parametrize(
    "builder",
    [
        "/proc/self/exe",
        "/proc/thread-self/exe",
        "/proc/self/../self/exe",
        f"/store/../{INPUT}/../proc/self/exe",
        "/store/../proc/self/exe",
        "/proc/self/fd/0",
        "/dev/fd/1",
        "/dev/stdin",
        "/dev/null",
        "/proc/self/root/bin/sh",
        "/proc/self/cwd/../bin/sh",
        "/proc/version",
    ],
)
def test_no_builder_leads_out_of_the_root_file_system(lab: Lab, builder: str) -> None:
    result = lab.run("", builder=builder, timeout=20).result
    assert result.exec_error is not None
    assert result.status == 127


@pytest.mark.parametrize(
    "head",
    [
        b"#!/proc/self/exe\n",
        b"#! \t/proc/self/exe -c\n",
        b"#!../proc/self/exe\n",
        b"#!/proc/thread-self/exe",
        b"#!/store/%s/link\n" % ("0" * 31 + "5-hostile").encode(),
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\2\0\x3e\0\1\0\0\0" + bytes(8) + b"\x40" + bytes(7)
        + bytes(8) + bytes(4) + b"\x40\0\x38\0\1\0" + bytes(6)
        + b"\3\0\0\0\4\0\0\0" + b"\x78" + bytes(7) + bytes(16) + b"\x0f" + bytes(7)
        + b"\x0f" + bytes(7) + b"\1" + bytes(7) + b"/proc/self/exe\0",
    ],
)  # fmt: skip
def test_no_interpreter_of_a_builder_leads_out_either(lab: Lab, head: bytes) -> None:
    hostile = Path(lab.store, "0" * 31 + "5-hostile")
    hostile.mkdir(exist_ok=True)
    program, link = hostile / "program", hostile / "link"
    link.unlink(missing_ok=True)
    link.symlink_to("/proc/self/exe")
    program.unlink(missing_ok=True)
    program.write_bytes(head)
    program.chmod(0o555)
    if lab.uid is not None:
        os.chown(program, lab.uid, lab.uid)
    inputs = (hostile.name,)
    for name in ("program", "link"):
        builder = f"/store/{hostile.name}/{name}"
        result = lab.run("", builder=builder, inputs=inputs, timeout=20).result
        assert "leads out of the sandbox" in str(result.exec_error), result


@pytest.mark.parametrize(
    "builder",
    [
        "/no\nexited\t0\t0\nthing",
        "/no\tfailed\t1",
        "/" + "x" * 100_000,
        "/caf\udce9",
        "/bin",
        "/\x1b",
    ],
)
def test_a_builder_of_any_name_is_told_as_not_executed(lab: Lab, builder: str) -> None:
    result = lab.run("", builder=builder, timeout=20).result
    assert (result.status, result.stopped) == (127, None)
    assert str(result.exec_error).startswith("cannot execute ")
    assert str(result.exec_error).isprintable()


def test_arguments_and_variables_beyond_the_kernels_bounds_are_told(lab: Lab) -> None:
    for changes in (
        {"args": ("x" * 200_000,)},
        {"args": tuple("x" * 1000 for _ in range(10_000))},
        {"env": (("X", "x" * 200_000),)},
    ):
        result = lab.run("", timeout=20, **changes).result
        assert "Argument list too long" in str(result.exec_error)


def test_a_root_file_system_may_have_any_name_at_its_top(lab: Lab) -> None:
    root = Path(lab.store, "0" * 31 + "6-root")
    names = (".objects", "objects", "a\nb\tc", "caf\udce9", " ", "mount-point", "linked", "...")
    if not root.exists():
        shutil.copytree(Path(lab.store, ROOTFS), root, symlinks=True, copy_function=os.link)
        for name in names:
            (root / name).mkdir()
    script = "print(*sorted(map(ascii, os.listdir('/'))))"
    (line,) = lab.told(script, rootfs=root.name)
    assert all(ascii(name) in line for name in names)


@pytest.mark.parametrize("target", ["/", "/etc", "..", "/proc/self/root"])
def test_a_root_file_system_that_is_a_link_mounts_nothing(lab: Lab, target: str) -> None:
    link = Path(lab.store, "0" * 31 + "7-link")
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    with pytest.raises(BuildFailed, match="symbolic link"):
        lab.run("", rootfs=link.name)


def test_every_mount_is_read_only_but_the_builders_own(lab: Lab) -> None:
    script = """
        for line in open('/proc/self/mountinfo'):
            words = line.split()
            print(words[4], words[5])
        """
    for line in lab.told(script):
        point, options = line.rsplit(" ", 1)
        own = point in ("/build", "/store", "/tmp", "/dev/shm")
        assert options.startswith("rw" if own else "ro"), line
        assert "nosuid" in options, line
    paths = f"['/store/{INPUT}/x', '/store/{INPUT_FILE}', '/x', '/etc/passwd']"
    assert lab.told(f"print({{attempt(open, path, 'w') for path in {paths}}} - {{'EACCES'}})") == [
        "{'EROFS'}"
    ]


def test_an_input_mount_that_stays_writable_ends_the_build(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lax(target: str, flags: int) -> None:
        restrict(target, flags & ~kernel.MS_RDONLY if target == "proc" else flags)

    restrict = kernel.restrict_mount
    monkeypatch.setattr(kernel, "restrict_mount", lax)
    with pytest.raises(SandboxUnavailable, match="mounted without ro"):
        lab.run("print('ran')")
