"""A system is checked where it is made, and its files follow from it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from derivations.kit import CatalogueBuilder, Network, Recipe, Service, System, User, phase, phases
from derivations.kit.groups import Groups
from derivations.kit.stage import PackageSet, Stage
from derivations.kit.system_files import executable, files
from derivations.kit.systems import publish, system_script
from derivations.kit.world import World
from store.errors import EvaluationError
from store.model.derivation import Derivation, Source

SH = shutil.which("sh") or "/bin/sh"
ROOT = Source("root", "0" * 64, ("https://example.org/root",))
WEB = Service(
    name="web",
    run=("cd /var/lib/web", "exec serve"),
    user="www",
    ports=(80,),
    folders=("/var/www",),
)


def system(**fields: object) -> System:
    values = {"name": "box", "description": "A box", "kernel": "linux", **fields}
    return System(**values)  # type: ignore[arg-type]


def service(name: str, **fields: object) -> Service:
    return Service(name=name, run=("exec it",), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kernel": ""}, "names no kernel"),
        ({"description": ""}, "names no description"),
        ({"services": (service("a"), service("a"))}, "the service 'a' twice"),
        ({"services": (service("network"),)}, "'network', as every system has"),
        ({"services": (service("A b"),)}, "cannot be a name"),
        ({"services": (Service(name="a", run=("it",)),)}, "does not begin with exec"),
        ({"services": (Service(name="a", run=()),)}, "does not begin with exec"),
        ({"services": (service("a", user="www"),)}, "as the user 'www': no such"),
        ({"services": (service("a", folders=("/etc/a",)),)}, "'/etc/a': only what is below /var"),
        ({"services": (service("a", folders=("/var",)),)}, "'/var': only what is below /var"),
        ({"services": (service("a", folders=("/var/../etc",)),)}, "which cannot be a path"),
        ({"services": (service("a", folders=("/var/" + "a" * 256,)),)}, "which cannot be a path"),
        (
            {
                "services": (
                    service("a", folders=("/var/a",), user="nobody"),
                    service("b", folders=("/var/a",)),
                )
            },
            "the folder '/var/a' for two users: 'nobody' and 'root'",
        ),
        (
            {
                "users": (User(name="u", number=9, home="/var/u"),),
                "services": (service("a", folders=("/var/u",)),),
            },
            "the folder '/var/u' for two users: 'u' and 'root'",
        ),
        (
            {"services": (service("a", folders=("/var/lib",), user="nobody"),)},
            "the folder '/var/lib' for two users: 'root' and 'nobody'",
        ),
        (
            {"users": tuple(User(name=n, number=9 + ord(n), home="/var/u") for n in "ab")},
            "the folder '/var/u' for two users: 'a' and 'b'",
        ),
        ({"users": (User(name="u", number=9, home="/" + "é" * 128),)}, "the home or shell"),
        ({"users": (User(name="u", number=9, home="/a" * 2048),)}, "the home or shell"),
        ({"services": (service("a", ports=(80,)), service("b", ports=(80,)))}, "port 80 twice"),
        ({"services": (service("a", ports=(0,)),)}, "the port 0"),
        ({"users": (User(name="u", number=5), User(name="u", number=6))}, "user 'u' twice"),
        ({"users": (User(name="u", number=5), User(name="v", number=5))}, "number 5 twice"),
        ({"users": (User(name="root", number=5),)}, "user 'root' twice"),
        ({"users": (User(name="u", number=-1),)}, "the number -1"),
        ({"users": (User(name="u", number=5, groups=("none",)),)}, "group 'none': no such"),
        ({"users": (User(name="u", number=5, home="/a:b"),)}, "a colon"),
        ({"files": (("etc/passwd", ""),)}, "which its other fields make"),
        ({"files": (("etc/sv/web/run", ""),)}, "which its other fields make"),
        ({"files": (("etc/a", ""), ("etc/a", ""))}, "the file 'etc/a' twice"),
        ({"files": (("etc/a", "x"), ("etc/a", "y"))}, "the file 'etc/a' twice"),
        ({"files": (("etc/a", ""), ("etc/a/b", ""))}, "another one below it: 'etc/a/b'"),
        ({"files": (("/etc/a", ""),)}, "a path from the root"),
        ({"files": (("etc/../a", ""),)}, "a path from the root"),
        ({"files": (("bin/a", ""),)}, "below etc and share"),
        ({"packages": ("vim", "vim")}, "package 'vim' twice"),
        ({"network": Network(address="10.0.0.300/24")}, "a network that cannot be"),
        ({"network": Network(gateway="10.0.0.1")}, "leaves its address to DHCP"),
        ({"users": (User(name="u", number=5, home="var"),)}, "no path from /"),
        ({"description": "a\nb"}, "not one line: 'a\\nb'"),
        ({"users": (User(name="tty", number=6),)}, "the group tty has this name"),
        ({"users": (User(name="u", number=5),)}, "the group tty has this name"),
        ({"users": (User(name="u", number=10**5000),)}, "the number a very large number"),
        ({"users": (User(name="u", number=9, home="/var/../x"),)}, "'/var/../x': no such"),
        ({"users": (User(name="u", number=9, shell="/bin//x"),)}, "'/bin//x': no such"),
        ({"users": (User(name="u", number=9, password=""),)}, "a password that is no hash"),
        ({"users": (User(name="u", number=9, password="secret"),)}, "that is no hash"),
        ({"services": (Service(name="a", run=("exec ",)),)}, "not exec and a command"),
        ({"services": (Service(name="a", run=("exec a\nb",)),)}, "not exec and a command"),
        ({"services": (Service(name="a", run=("exec a\0",)),)}, "a NUL character in a line of 'a'"),
        ({"files": (("etc//motd", ""),)}, "a path from the root"),
        ({"files": (("etc/sv", ""),)}, "which its other fields make"),
        ({"files": (("share/licenses/tree", ""),)}, "where the licences of its packages are"),
        ({"files": (("etc/m\xf6td", ""),)}, "cannot name a file"),
        ({"files": (("etc/" + "a" * 250, ""),)}, "cannot name a file"),
        ({"files": (("etc/" + "a" * 300, ""),)}, "a path from the root"),
        ({"files": (("etc/big", "a" * (9 << 20)),)}, "are allowed"),
        ({"network": Network(nameservers=("10.0.0.1",))}, "leaves its address to DHCP"),
        ({"network": Network(address="10.0.0.2")}, "does not say how large its network is"),
        ({"network": Network(address="10.0.0.2/255.0.0.0")}, "does not say how large"),
        ({"network": Network(address="10.0.0.0/24")}, "which no interface has"),
        ({"network": Network(address="10.0.0.255/24")}, "which no interface has"),
        ({"network": Network(address="127.0.0.1/8")}, "which no interface has"),
        ({"network": Network(address="255.255.255.255/32")}, "which no interface has"),
        *(
            ({"network": Network(address="10.0.0.2/24", gateway=end)}, "is no other machine")
            for end in ("10.0.0.0", "10.0.0.255")
        ),
        *(
            (
                {"network": Network(address="10.0.0.2/24", nameservers=(end,))},
                f"the name server '{end}', which no machine has",
            )
            for end in ("10.0.0.0", "10.0.0.255", "255.255.255.255", "224.0.0.1")
        ),
        ({"network": Network(address="fe80::1%$(x)/64")}, "names an interface by %"),
        (
            {"network": Network(address="10.0.0.2/24", gateway="10.0.1.1")},
            "no other machine of 10.0.0.0/24",
        ),
        ({"network": Network(address="fd00::2/64", gateway="10.0.0.1")}, "no other machine"),
        (
            {"network": Network(address="10.0.0.2/24", nameservers=("0.0.0.0",))},
            "which no machine has",
        ),
        ({"console": "ttyS0; reboot"}, "the console 'ttyS0; reboot'"),
        ({"hostname": "-"}, "the host name '-'"),
        ({"time_zone": "../x"}, "the time zone '../x'"),
    ],
)
def test_a_wrong_system_is_named_with_its_line(fields: dict[str, object], words: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        system(**fields)
    assert words in caught.value.message
    assert caught.value.message.startswith(f"{__file__}:")
    assert caught.value.line is not None


def test_a_kernel_that_is_left_out_is_named_like_an_empty_one() -> None:
    with pytest.raises(EvaluationError, match=r":\d+: the system 'box' names no kernel"):
        System(name="box", description="A box")


@pytest.mark.parametrize(
    "password", ["!", "*", "$6$salt$hash/.", "!$6$salt$hash/.", "$2b$05$salthash", "abJnggxhB/yWI"]
)
def test_a_password_is_a_hash_or_a_lock(password: str) -> None:
    assert system(users=(User(name="u", number=9, password=password),)).users[0].number == 9


def test_networks_of_one_or_two_machines_have_no_ends() -> None:
    for address in ("10.0.0.2/32", "10.0.0.2/31", "10.0.0.3/31", "fd00::/64"):
        assert system(network=Network(address=address)).network is not None


def test_folders_may_be_of_one_user_and_within_others() -> None:
    users = (
        User(name="u", number=9, home="/var/u"),
        User(name="v", number=10, home="/share"),
        User(name="w", number=11, home="/share"),
        User(name="x", number=12),
    )
    services = (
        service("a", user="u", folders=("/var/u", "/var/log/a")),
        service("b", user="u", folders=("/var/u",)),
        service("c", user="v", folders=("/var/u/v",)),
        service("d", folders=("/var/log",)),
    )
    assert system(users=users, services=services).services == services


def test_accounts_and_groups_follow_from_users() -> None:
    made = files(
        system(users=(User(name="www", number=80), User(name="git", number=81, groups=("www",))))
    )
    assert made["etc/passwd"].splitlines() == [
        "root:x:0:0::/var/root:/bin/sh",
        "www:x:80:80::/var/empty:/bin/sh",
        "git:x:81:81::/var/empty:/bin/sh",
        "nobody:x:60000:60000::/var/empty:/bin/sh",
    ]
    assert "www:x:80:git" in made["etc/group"].splitlines()
    # A locked account: no password is one.
    assert "www:!:::::::" in made["etc/shadow"].splitlines()


def test_a_service_runs_as_its_user_and_writes_a_log() -> None:
    made = files(system(users=(User(name="www", number=80),), services=(WEB,)))
    run = made["etc/sv/web/run"].splitlines()
    assert run[-2:] == ["cd /var/lib/web", "exec chpst -u www serve"]
    assert "svlogd" in made["etc/sv/web/log/run"]
    assert "mkdir -p /var/www && chown www:www /var/www" in made["etc/runit/services"]


def test_all_that_a_service_began_ends_with_it_but_for_a_shell() -> None:
    made = files(system(users=(User(name="www", number=80),), services=(WEB,)))
    run = made["etc/sv/web/run"]
    assert run.index('> "$group/cgroup.procs"') < run.index("cd /var/lib/web")
    # Before the pause of a service that ends again and again: a stop does not wait for that.
    finish = made["etc/sv/web/finish"]
    assert finish.index('> "$group/cgroup.kill"') < finish.index('sleep "$pause"')
    assert "/sys/fs/cgroup/service.web\n" in run
    assert "/sys/fs/cgroup/service.web\n" in finish
    for part in ("run", "finish"):
        assert "cgroup" not in made[f"etc/sv/console/{part}"]


def test_the_network_has_an_address_or_asks_for_one() -> None:
    assert "etc/sv/network/run" not in files(system())
    assert "udhcpc" in files(system(network=Network()))["etc/sv/network/run"]
    fixed = Network(address="10.0.2.15/24", gateway="10.0.2.2", nameservers=("10.0.2.3",))
    lines = files(system(network=fixed))["etc/sv/network/run"]
    assert "ip address replace 10.0.2.15/24" in lines
    assert "udhcpc" not in lines


def test_every_script_is_one_that_a_shell_reads() -> None:
    box = system(users=(User(name="www", number=80),), services=(WEB,), network=Network())
    scripts = {path: text for path, text in files(box).items() if executable(path)}
    assert {"init", "etc/runit/signal", "etc/sv/web/run", "etc/sv/web/finish"} <= set(scripts)
    for path, text in scripts.items():
        assert text.startswith("#!/bin/sh\n")
        assert not re.search(r"@[a-z]+@", text), path
        done = subprocess.run([SH, "-n"], input=text, text=True, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), path


def recipe(name: str) -> Recipe:
    return Recipe(
        name=name,
        version="1",
        description=name,
        licence="MIT",
        homepage="https://example.org/",
        build=phases(phase("install", 'mkdir "$out"'), tools=("sh",)),
    )


def world(folder: Path) -> tuple[World, CatalogueBuilder]:
    graph = CatalogueBuilder()
    names = ("linux", "busybox", "coreutils", "sh")
    stage = Stage("stage9", ROOT.ref(), {"sh": (), "coreutils": ()}, {n: recipe(n) for n in names})
    return World(graph, stage, PackageSet(stage, graph), Groups("none", folder)), graph


def planted(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    (folder / "systems").mkdir()
    (folder / "systems" / f"{name}.py").touch()
    module = SimpleNamespace(**{name.upper(): value})
    monkeypatch.setitem(__import__("sys").modules, f"none.systems.{name}", module)
    monkeypatch.setitem(__import__("sys").modules, "none", SimpleNamespace())
    monkeypatch.setitem(__import__("sys").modules, "none.systems", SimpleNamespace())


def test_a_system_becomes_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted(tmp_path, monkeypatch, "box", system())
    packages, graph = world(tmp_path)
    publish(packages, "none", tmp_path)
    made = graph.nodes[graph.packages["system.box"].node]
    assert isinstance(made, Derivation)
    assert made.name == "system-box"
    assert {ref.name for ref in made.inputs} == {"busybox-1", "linux-1"}
    assert "tree/etc/passwd" in dict(made.files)


def test_a_package_that_there_is_not_has_near_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(tmp_path, monkeypatch, "box", system(kernel="linx"))
    packages, _ = world(tmp_path)
    with pytest.raises(EvaluationError, match="has the package 'linx'") as caught:
        publish(packages, "none", tmp_path)
    assert caught.value.hint == "did you mean linux?"
    assert "systems/box.py" in caught.value.message


@pytest.mark.parametrize("value", [1, User(name="box", number=9)])
def test_a_module_without_its_system_is_refused(
    value: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(tmp_path, monkeypatch, "box", value)
    packages, _ = world(tmp_path)
    with pytest.raises(EvaluationError, match=r"systems/box.py: there is no system BOX\Z"):
        publish(packages, "none", tmp_path)


def test_a_system_of_another_name_is_refused_with_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(tmp_path, monkeypatch, "box", system(name="other-one"))
    packages, _ = world(tmp_path)
    with pytest.raises(EvaluationError) as caught:
        publish(packages, "none", tmp_path)
    assert caught.value.message.endswith("the system 'other-one' is in the module of 'box'")
    assert caught.value.hint == "a system other-one is in other_one.py"


@pytest.mark.parametrize("name", ["my-box", "a.b", "Box", "b\xf6x"])
def test_a_file_that_no_module_can_be_is_named(name: str, tmp_path: Path) -> None:
    packages, _ = world(tmp_path)
    (tmp_path / "systems").mkdir()
    (tmp_path / "systems" / f"{name}.py").touch()
    with pytest.raises(EvaluationError) as caught:
        publish(packages, "none", tmp_path)
    assert caught.value.message.endswith(
        f"{name}.py: {name!r} cannot be the name of a system's module"
    )


def test_a_link_to_nothing_is_no_system(tmp_path: Path) -> None:
    packages, _ = world(tmp_path)
    (tmp_path / "systems").mkdir()
    (tmp_path / "systems/box.py").symlink_to("nowhere")
    with pytest.raises(EvaluationError, match=r"box.py: is no file that could be read"):
        publish(packages, "none", tmp_path)


def built(
    folder: Path, kernel: str, shared: tuple[str, ...] = ("licenses",), **fields: object
) -> subprocess.CompletedProcess[str]:
    """Run the build of a system whose packages are folders below this one."""
    box = system(kernel=kernel, **fields)
    packages = {role: str(folder / role) for role in box.roles}
    for role in box.roles:
        (folder / role).mkdir(exist_ok=True)
        for name in shared:
            (folder / role / "share" / name / role).mkdir(parents=True)
    (folder / "busybox/bin").mkdir()
    (folder / "busybox/bin/sh").touch()
    for path, text in files(box).items():
        file = folder / "tree" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    script = system_script(box, packages, str(folder / "out"))  # type: ignore[arg-type]
    words = [SH, "-c", script.replace("/build/tree", str(folder / "tree"))]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def test_a_kernel_without_an_image_is_no_kernel(tmp_path: Path) -> None:
    done = built(tmp_path, "zlib")
    assert done.returncode == 1
    assert "the system's kernel is no kernel: zlib has no boot/bzImage" in done.stdout


def test_a_system_has_a_link_to_its_kernel(tmp_path: Path) -> None:
    (tmp_path / "linux/boot").mkdir(parents=True)
    (tmp_path / "linux/boot/bzImage").touch()
    done = built(tmp_path, "linux")
    assert (done.returncode, done.stderr) == (0, "")
    link = tmp_path / "out/boot/bzImage"
    assert link.readlink() == tmp_path / "linux/boot/bzImage"


def test_folders_that_several_packages_have_are_laid_together(tmp_path: Path) -> None:
    (tmp_path / "linux/boot").mkdir(parents=True)
    (tmp_path / "linux/boot/bzImage").touch()
    for path in ("linux/share/man/man8/a.8", "busybox/share/man/man8/b.8", "linux/share/man/fr/c"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "busybox/share/man/man8/a.8").write_text("another one")
    (tmp_path / "busybox/share/alone").mkdir()
    (tmp_path / "busybox/share/dangling").symlink_to("nowhere")
    done = built(tmp_path, "linux")
    assert (done.returncode, done.stderr) == (0, "")
    share = tmp_path / "out/share"
    names = {name: (share / "man" / name).resolve() for name in ("man8/b.8", "fr/c", "fr")}
    assert names == {
        "man8/b.8": tmp_path / "busybox/share/man/man8/b.8",
        "fr/c": tmp_path / "linux/share/man/fr/c",
        "fr": tmp_path / "linux/share/man/fr",
    }
    # The base gives way to every other package.
    assert (share / "man/man8/a.8").resolve() == tmp_path / "linux/share/man/man8/a.8"
    assert (share / "alone").readlink() == tmp_path / "busybox/share/alone"
    assert (share / "dangling").is_symlink()
    assert sorted(os.listdir(share / "licenses")) == sorted(system(kernel="linux").roles)


def test_a_package_without_shared_files_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "linux/boot").mkdir(parents=True)
    (tmp_path / "linux/boot/bzImage").touch()
    done = built(tmp_path, "linux", shared=())
    assert (done.returncode, done.stderr) == (0, "")
    assert os.listdir(tmp_path / "out/share") == ["licenses"]
    assert os.listdir(tmp_path / "out/share/licenses") == []


def with_files(folder: Path, **texts: str) -> None:
    """Make a kernel, and each package's ``share/man/page`` with its text; none: a folder."""
    (folder / "linux/boot").mkdir(parents=True)
    (folder / "linux/boot/bzImage").touch()
    for role, text in texts.items():
        page = folder / role / "share/man/page"
        page.parent.mkdir(parents=True, exist_ok=True)
        if text:
            page.write_text(text)
        else:
            (page / "of").mkdir(parents=True)


@pytest.mark.parametrize("other", ["two", ""])
@pytest.mark.parametrize("first", ["one", ""])
def test_two_packages_with_one_file_are_refused_with_both(
    tmp_path: Path, first: str, other: str
) -> None:
    with_files(tmp_path, zlib=first, xz=other)
    done = built(tmp_path, "linux", packages=("zlib", "xz"))
    if first or other:
        assert done.returncode == 1
        assert "two packages have the file share/man/page: " in done.stdout
        assert f"{tmp_path}/xz/share/man/page and {tmp_path}/zlib/share/man/page\n" in done.stdout
    else:
        assert (done.returncode, done.stdout) == (0, "@phase install\n")


def test_a_file_over_a_folder_of_two_packages_is_refused(tmp_path: Path) -> None:
    with_files(tmp_path, a="", b="", c="text")
    done = built(tmp_path, "linux", packages=("a", "b", "c"))
    assert done.returncode == 1
    assert f"share/man/page: {tmp_path}/c/share/man/page and a folder of another" in done.stdout


def test_equal_files_of_two_packages_are_one(tmp_path: Path) -> None:
    with_files(tmp_path, zlib="same", xz="same")
    assert built(tmp_path, "linux", packages=("zlib", "xz")).returncode == 0
    assert (tmp_path / "out/share/man/page").readlink() == tmp_path / "zlib/share/man/page"


def test_the_base_gives_way_whatever_comes_first(tmp_path: Path) -> None:
    with_files(tmp_path, busybox="base", linux="kernel")
    assert built(tmp_path, "linux", packages=("busybox",)).returncode == 0
    assert (tmp_path / "out/share/man/page").readlink() == tmp_path / "linux/share/man/page"


def test_a_systems_own_file_stays(tmp_path: Path) -> None:
    with_files(tmp_path, zlib="theirs")
    done = built(tmp_path, "linux", packages=("zlib",), files=(("share/man/page", "ours"),))
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out/share/man/page").read_text() == "ours"


def test_two_packages_with_one_program_are_refused_with_both(tmp_path: Path) -> None:
    with_files(tmp_path)
    for role in ("zlib", "xz"):
        (tmp_path / role / "bin").mkdir(parents=True)
        (tmp_path / role / "bin/tool").touch()
    done = built(tmp_path, "linux", packages=("zlib", "xz"))
    assert done.returncode == 1
    assert f"the program tool: xz and {tmp_path}/zlib/bin/tool" in done.stdout
