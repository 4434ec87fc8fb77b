"""Builders that show what an audit varies, and do not show it when nothing is varied."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from store.jobs.lower import BuildLimits, build_request, scratch_ids
from store.layout.paths import Layout
from store.model.derivation import Resolved
from store.sandbox.variation import AHEAD, CONTROL, VARIATIONS, Variation, apply, pinned
from tests.integration.laboratory import Lab

pytest_plugins = ["tests.integration.bench"]

PINNED_AT = 1_234_567_890

CLOCKS = """
    import subprocess, threading, time
    def looks():
        "The time, in whole seconds, by every way there is, under the way's name."
        two = (ctypes.c_long * 2)()
        def seconds(function, *args):
            two[0] = two[1] = -1
            assert function(*args) == 0
            return two[0]
        libc.time.restype = libc.syscall.restype = ctypes.c_long
        return {
            'python': int(time.time()),
            'libc clock_gettime': seconds(libc.clock_gettime, 0, two),
            'libc gettimeofday': seconds(libc.gettimeofday, two, None),
            'libc time': libc.time(None),
            'libc time in memory': (libc.time(two), two[0])[1],
            'bare clock_gettime': seconds(libc.syscall, 228, 0, two),
            'bare gettimeofday': seconds(libc.syscall, 96, two, None),
            'bare time': libc.syscall(ctypes.c_long(201), None),
            'coarse': seconds(libc.clock_gettime, 5, two),
            'tai': seconds(libc.clock_gettime, 11, two),
            'fraction': two[1] // 10**9,
        }
    def show():
        for way, when in looks().items(): print(way, when, sep='=', flush=True)
"""
EVERYWHERE = (
    CLOCKS
    + """
    show()
    thread = threading.Thread(target=show); thread.start(); thread.join()
    if 'child' not in sys.argv:  # then once more in a child, and in a child of a child
        me = open('/proc/self/cmdline').read().split(chr(0))[:-1]
        subprocess.run([*me, 'child'], check=True)
        if os.fork() == 0: os.execv(me[0], [*me, 'child'])
        os.wait()
"""
)
NAMES = [f"entry-{number}" for number in range(12)]


def listing(names: list[str]) -> str:
    """A script that makes these files and lists them."""
    return f"""
        os.mkdir('/build/d'); os.chdir('/build/d')
        for name in {names}: open(name, 'w').close()
        print(*os.listdir('.'))
        """


def told(lab: Lab, variation: Variation, script: str, cores: int = 1) -> list[str]:
    """The lines that ``script`` prints under a variation; it has to succeed."""
    outcome = lab.carry_out(apply(variation, lab.request(script, cores=cores)))
    assert outcome.result.ok, outcome
    return outcome.lines


# The date


@pytest.mark.parametrize(("variation", "ahead"), [(CONTROL, 0), (VARIATIONS["date"], AHEAD)])
def test_every_way_to_tell_the_date_agrees(lab: Lab, variation: Variation, ahead: int) -> None:
    before = int(time.time())
    lines = told(lab, variation, EVERYWHERE)
    after = int(time.time()) + 1
    assert len(lines) == 6 * 11  # in three processes, in two threads each
    for line in lines:
        way, _, when = line.partition("=")
        if way == "fraction":
            assert when == "0"
        else:
            # TAI is half a minute ahead where the kernel knows of it; a coarse clock lags.
            assert before - 1 <= int(when) - ahead <= after + (60 if way == "tai" else 0), line


def test_a_pinned_clock_stands_everywhere(lab: Lab) -> None:
    lines = told(lab, pinned(PINNED_AT), EVERYWHERE)
    assert {line.partition("=")[2] for line in lines} == {str(PINNED_AT), "0"}


def test_a_loop_that_waits_for_a_pinned_clock_ends(lab: Lab) -> None:
    script = """
        import time
        start = time.time()
        while time.time() < start + 100: pass
        print(int(time.time() - start) < 110)
        """
    assert told(lab, pinned(PINNED_AT), script) == ["True"]


@pytest.mark.parametrize("variation", [CONTROL, VARIATIONS["date"], pinned(PINNED_AT)])
def test_waiting_for_a_moment_takes_as_long_as_it_should(lab: Lab, variation: Variation) -> None:
    # pthread_cond_timedwait(3), clock_nanosleep(2), and a moment that is past.
    lines = told(
        lab,
        variation,
        """
        import time
        mutex, condition, moment = (ctypes.create_string_buffer(64) for _ in range(3))
        def at(delay):
            when = time.time_ns() + int(delay * 1e9)
            return (ctypes.c_long * 2)(when // 10**9, when % 10**9)
        def wait(delay):
            libc.pthread_mutex_lock(mutex)
            result = libc.pthread_cond_timedwait(condition, mutex, at(delay))
            libc.pthread_mutex_unlock(mutex)
            return result == errno.ETIMEDOUT
        def sleep(delay): return libc.clock_nanosleep(0, 1, at(delay), None) == 0
        for function, delay in ((wait, 0.3), (sleep, 0.3), (wait, -5), (sleep, -5)):
            began, looked = time.monotonic(), time.time()
            print(function(delay), round(time.monotonic() - began, 1) - max(0, delay) < 4,
                  time.monotonic() - began >= delay, time.time() - looked > delay - 0.001)
        """,
    )
    assert lines == ["True True True True"] * 4


def test_a_wait_for_a_moment_goes_on_after_a_stop(lab: Lab) -> None:
    script = """
        import signal, time
        child = os.fork()
        if child == 0:
            when, began = time.time_ns() + 2 * 10**9, time.monotonic()
            libc.clock_nanosleep(0, 1, (ctypes.c_long * 2)(when // 10**9, when % 10**9), None)
            os._exit(0 if 1.99 < time.monotonic() - began < 2.9 else 1)
        time.sleep(0.5); os.kill(child, signal.SIGSTOP)
        print(os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1]))
        time.sleep(0.5); os.kill(child, signal.SIGCONT)
        print(os.waitpid(child, 0)[1])
        """
    assert told(lab, VARIATIONS["date"], script) == ["True", "0"]
    assert told(lab, pinned(PINNED_AT), script) == ["True", "0"]


def test_other_clocks_and_the_times_of_files_stay_the_kernels(lab: Lab) -> None:
    before, wall = time.monotonic(), time.time()
    script = """
        import time
        open('/build/new', 'w').close()
        print(time.monotonic(), os.stat('/build/new').st_mtime)
        """
    (line,) = told(lab, VARIATIONS["date"], script)
    monotonic, modified = map(float, line.split())
    assert before <= monotonic <= time.monotonic()
    assert wall - 1 <= modified <= time.time() + 1


def test_no_program_finds_the_kernels_own_code_for_the_time(lab: Lab) -> None:
    script = """
        libc.getauxval.restype = ctypes.c_ulong
        print(libc.getauxval(33) != 0, libc.getauxval(6))
        """
    page = str(os.sysconf("SC_PAGESIZE"))
    assert told(lab, CONTROL, script) == [f"True {page}"]
    assert told(lab, VARIATIONS["date"], script) == [f"False {page}"]


def test_arguments_and_environment_of_any_length_are_passed_over(lab: Lab) -> None:
    script = f"""
        import subprocess
        code = 'import sys, time; print(len(sys.argv), int(time.time()) - {AHEAD})'
        many = [str(number) for number in range(5000)]
        subprocess.run([sys.executable, '-I', '-S', '-c', code, *many], check=True,
                       env={{**os.environ, **{{'V' + word: word for word in many}}}})
        """
    (line,) = told(lab, VARIATIONS["date"], script)
    count, when = map(int, line.split())
    assert count == 5001
    assert abs(when - time.time()) < 60


def test_a_static_program_is_told_the_same(lab: Lab, tmp_path: Path) -> None:
    program = Path(lab.store) / ("0" * 31 + "7-clock")
    if not program.exists():
        source = "#include <stdio.h>\n#include <time.h>\nint main(void)"
        source += '{ struct timespec t; clock_gettime(0, &t); printf("%ld\\n", (long)t.tv_sec); }'
        (tmp_path / "clock.c").write_text(source)
        words = ["-static", "-o", str(program), str(tmp_path / "clock.c")]
        compiler = shutil.which("cc")
        if compiler is None or subprocess.run([compiler, *words], check=False).returncode:
            pytest.skip("no compiler here can make a static program")
    inputs = (program.name,)
    for variation, ahead in ((CONTROL, 0), (VARIATIONS["date"], AHEAD)):
        request = lab.request("", builder=f"/store/{program.name}", args=(), inputs=inputs)
        (line,) = lab.carry_out(apply(variation, request)).lines
        assert abs(int(line) - ahead - time.time()) < 60


def test_a_bad_address_is_the_callers_fault_as_ever(lab: Lab) -> None:
    script = "print(call(228, 0, 8), call(217, os.open('/', 0), 8, 4096), call(228, 0, 0))"
    for name in ("date", "order-reversed"):
        assert told(lab, VARIATIONS[name], script) == ["EFAULT EFAULT EFAULT"]


# The order of directories


def test_a_reversed_directory_is_listed_backwards(lab: Lab) -> None:
    (plain,) = told(lab, CONTROL, listing(NAMES))
    (backwards,) = told(lab, VARIATIONS["order-reversed"], listing(NAMES))
    assert sorted(plain.split()) == sorted(NAMES)
    assert backwards.split() == plain.split()[::-1]


def test_a_shuffled_directory_has_an_order_of_its_own(lab: Lab) -> None:
    def listed(variation: Variation, names: list[str]) -> list[str]:
        (line,) = told(lab, variation, listing(names))
        return line.split()

    shuffled = listed(VARIATIONS["order-shuffled"], NAMES)
    assert sorted(shuffled) == sorted(NAMES)
    plain = listed(CONTROL, NAMES)
    assert shuffled not in (plain, plain[::-1], sorted(NAMES))
    # Whatever the file system makes of it, on whatever machine.
    assert listed(VARIATIONS["order-shuffled"], NAMES[::-1]) == shuffled


@pytest.mark.parametrize("name", ["order-reversed", "order-shuffled"])
def test_large_directories_are_listed_whole_and_can_be_emptied_while_read(
    lab: Lab, name: str
) -> None:
    script = """
        os.mkdir('/build/d'); os.chdir('/build/d')
        names = {f'{number:05}' * 3 for number in range(1200)}
        for each in names: open(each, 'w').close()
        print(set(os.listdir('.')) == names, len(os.listdir('.')) == len(names))
        def entries(number, size):
            "By the bare calls, a small buffer at a time."
            handle, buffer = os.open('.', os.O_RDONLY), ctypes.create_string_buffer(size)
            found = []
            while (count := libc.syscall(number, handle, buffer, size)) > 0:
                place = 0
                while place < count:
                    length = int.from_bytes(buffer.raw[place + 16:place + 18], 'little')
                    start = place + (19 if number == 217 else 18)
                    found.append(buffer.raw[start:place + length].split(b'\\0')[0].decode())
                    place += length
            os.close(handle)
            return sorted(found)
        expected = sorted({'.', '..'} | names)
        print(entries(217, 4096) == expected, entries(78, 4096) == expected)
        libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
        stream = ctypes.c_void_p(libc.opendir(b'.'))
        def rest():
            count = 0
            while libc.readdir(stream): count += 1
            return count
        count = rest(); libc.rewinddir(stream)
        print(count == rest() == len(expected))
        for entry in os.scandir('.'): os.unlink(entry.name)
        os.rmdir('/build/d')
        """
    assert told(lab, VARIATIONS[name], script) == ["True True", "True True", "True"]


# What the kernel varies by itself


def test_builds_use_the_processors_that_they_are_told_of(lab: Lab) -> None:
    script = """
        import subprocess
        code = 'import os; print(len(os.sched_getaffinity(0)))'
        told = subprocess.check_output([sys.executable, '-I', '-S', '-c', code], text=True).strip()
        print(os.environ['STORE_CORES'], os.environ.get('MAKEFLAGS', ''), told)
        """
    here = len(os.sched_getaffinity(0))
    assert told(lab, CONTROL, script, cores=3) == [f"3  -j3 {here}"]
    varied = told(lab, VARIATIONS["cores"], script, cores=3)
    assert varied == (["1  1"] if here > 1 else ["2  -j2 1"])
    more = 2 * here + 1
    assert told(lab, VARIATIONS["cores-more"], script, cores=3) == [f"{more}  -j{more} {here}"]
    assert len(os.sched_getaffinity(0)) == here


def test_another_personality_is_another_release(lab: Lab) -> None:
    script = "print(os.uname().release)"
    assert told(lab, CONTROL, script) == [os.uname().release]
    (varied,) = told(lab, VARIATIONS["personality"], script)
    assert varied.startswith("2.6.")


def test_another_user_is_another_through_and_through(lab: Lab) -> None:
    script = """
        open('/build/mine', 'w').close()
        made = os.stat('/build/mine')
        print(*os.getresuid(), *os.getresgid(), made.st_uid, made.st_gid)
        print(open('/etc/passwd').read(), open('/etc/group').read(), sep='', end='')
        """
    assert told(lab, CONTROL, script) == [
        "1000 1000 1000 100 100 100 1000 100",
        "builder:x:1000:100::/homeless:/bin/sh",
        "builders:x:100:",
    ]
    assert told(lab, VARIATIONS["user"], script) == [
        "4321 4321 4321 8765 8765 8765 4321 8765",
        "auditor:x:4321:8765::/homeless:/bin/sh",
        "auditors:x:8765:",
    ]


def test_randomised_addresses_differ_each_time_and_fixed_ones_do_not(lab: Lab) -> None:
    script = "print(ctypes.addressof(ctypes.c_int.in_dll(libc, 'environ')), id(object()))"
    assert told(lab, CONTROL, script) == told(lab, CONTROL, script)
    aslr = VARIATIONS["aslr"]
    assert (
        len({*told(lab, aslr, script), *told(lab, aslr, script), *told(lab, CONTROL, script)}) == 3
    )


def test_another_scratch_path_is_where_the_output_is_made(lab: Lab) -> None:
    script = lab.request("import os; open(os.environ['out'], 'w').write(os.environ['out'])")
    usual = scratch_ids(Resolved("probe", "x86_64-linux", "/", (), (), None, (), ("out",)))["out"]
    resolved = Resolved(
        name="probe",
        system="x86_64-linux",
        builder=script.builder,
        args=script.args,
        env=(*script.env, ("out", f"/store/{usual}")),
        rootfs=None,
        inputs=(),
        outputs=("out",),
    )
    made = []
    for variation in (CONTROL, VARIATIONS["path"]):
        template = lab.request("")
        layout = Layout(os.path.dirname(lab.store))
        request = build_request(
            layout, resolved, (), template.work_dir, BuildLimits(1), salt=variation.salt
        )
        request = replace(apply(variation, request), rootfs=template.rootfs)
        assert lab.carry_out(request).result.ok
        (oid,) = scratch_ids(resolved, variation.salt).values()
        assert Path(request.work_dir, "store", str(oid)).read_text() == f"/store/{oid}"
        made.append(oid)
    assert made[0] == usual != made[1]
