"""Tries the project's own machine in the emulator, with the clients that its users have.

Each service is driven from the host: pages by HTTP, the repository by git, tickets by the forms of
a browser, lists by SMTP, the cache by `store`. Then the plug is pulled, and all has to be there.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import time
from pathlib import Path

import click

from scripts.boot import Built, Machine, accelerated, memory_option, places, refuse_without_qemu
from scripts.boot_trial import PATIENCE, Console, Failed, expect, start
from scripts.ending import run_script
from scripts.site_clients import DOMAIN, SECRET, Browser, Site, command, send

CHECKOUT = Path(__file__).parents[1]
LIST = f"talk@{DOMAIN}"
READER = f"postmaster@{DOMAIN}"
"""A subscriber whose mail stays on the machine."""

USER = f"echo {SECRET}:$(cryptpw -m sha512 {SECRET}) > /var/lib/site/users"
PACKAGE = "gcc"
MEMORY = 256
"""MiB."""

BOUNDS = {"MiB of image": 160, "s to the first page": 15, "MiB of idle memory": 128}


def seen(name: str, page: str, pattern: str) -> None:
    """Print the part of a page that a pattern finds; Failed where it finds none."""
    found = re.search(pattern, page)
    if found is None:
        raise Failed(f"{name}: {pattern!r} is not in\n{page[-3000:]}")
    print(f"  {name}: {found[0]}", flush=True)


def drive_pages(site: Site) -> None:
    """Read the pages."""
    seen("readme", site.page("/"), ">Fixpoint</h1>")
    seen("docs", site.page("/docs/system.html"), "<h1[^>]*>A system</h1>")
    seen("packages", site.page("/packages.html"), 'id="nginx-with-dav"')
    seen("audit", site.page("/audit.html"), "one path, whichever the seed")


def drive_repository(site: Site, folder: Path) -> str:
    """Push this project and clone it; returns the commit that is its newest."""
    commit = command("git", "-C", CHECKOUT, "rev-parse", "HEAD").strip()
    push = ("git", "-C", CHECKOUT, "push", "--quiet")
    try:
        command(*push, f"{site.url}/git/fixpoint.git", "HEAD:refs/heads/main")
    except Failed as refused:
        expect("a push without a password", refused.message, "could not read Username")
    else:
        raise Failed("anybody can push")
    disguised = f"{site.url}/git/fixpoint.git/git-receive%2Dpack"
    head = "Content-Type: application/x-git-receive-pack-request"
    asked = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-u", "x:y", "-H", head)
    expect("the same, disguised", command(*asked, "--data", "0000", disguised), "^40[13]")
    command(*push, f"{site.writing}/git/fixpoint.git", "HEAD:refs/heads/main")
    check_repository(site, folder, commit)
    return commit


def check_repository(site: Site, folder: Path, commit: str) -> None:
    """Clone the project, and see its newest commit on a page."""
    shutil.rmtree(folder, ignore_errors=True)
    command("git", "clone", "--quiet", f"{site.url}/git/fixpoint.git", folder)
    expect("clone", command("git", "-C", folder, "rev-parse", "HEAD"), commit)
    seen("cgit", site.page("/cgit/fixpoint.git/log/"), commit[:10])


def drive_tracker(site: Site) -> None:
    """File a ticket, find it in the list, and close it."""
    browser = log_in(site)
    title = "A ticket of the trial"
    browser.submit("/tracker/tktnew", title=title, type="Code_Defect", submit="Submit")
    listed = browser.get("/tracker/rptview?rn=1")
    seen("ticket", listed, title)
    number = re.search(r"tktview/([0-9a-f]+)", listed)
    if number is None:
        raise Failed(f"no ticket's number is in\n{listed}")
    browser.submit(f"/tracker/tktedit/{number[1]}", status="Closed", submit="Submit Changes")
    check_tracker(site)


def log_in(site: Site) -> Browser:
    """Return a browser in which the tracker's administrator is logged in."""
    browser = Browser(site)
    password = site.console.run("cat /var/lib/tracker/password").strip()
    browser.submit("/tracker/login", u="admin", p=password)
    return browser


def check_tracker(site: Site) -> None:
    """Find the ticket closed."""
    listed = log_in(site).get("/tracker/rptview?rn=1")
    rows = re.findall(r"(?s)<tr.*?</tr>", listed)
    seen("closed", "".join(row for row in rows if "of the trial" in row), "Closed")


def drive_lists(site: Site) -> None:
    """Subscribe, post, and read it in the archive."""
    send(site, READER, LIST.replace("@", "+subscribe@"), "subscribe")
    box = "/var/lib/lists/.owner/new"
    asked = wait(site, f"cat {box}/* 2> /dev/null", r"talk\+confsub-[0-9a-z-]+@\S+\w")
    send(site, READER, asked, "yes")
    wait(site, "cat /var/lib/lists/talk/subscribers.d/*", READER)
    print(f"  subscribed: {READER}")
    send(site, READER, LIST, "A word to all")
    wait(site, f"grep -l 'A word to all' {box}/*", box)
    print("  post: it came to the subscriber")
    check_lists(site)


def wait(site: Site, line: str, pattern: str) -> str:
    """Return the match of a pattern in what a command line prints, once it does."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = re.search(pattern, site.console.run(line))
        if found:
            return found[0]
        time.sleep(1)
    raise Failed(f"{pattern!r} is not in what this prints: {line}\n{site.console.run(line)}")


def check_lists(site: Site) -> None:
    """Find the post in the archive."""
    seen("archive", site.page("/lists/talk/"), ">A word to all</a>")
    seen("mail", site.page("/lists/talk/1"), "Said by the trial")


def drive_cache(site: Site, folder: Path, root: str | None) -> None:
    """Push a compiler into the cache; an empty store realises it from there."""
    mine = {"XDG_CONFIG_HOME": str(folder / "config"), "NETRC": str(folder / "netrc")}
    (folder / "netrc").write_text(f"machine 127.0.0.1 login {SECRET} password {SECRET}\n")
    key = command(CHECKOUT / "scripts" / "store", "key", "new", "site", **mine)
    at = ("--root", root) if root else ()
    store = (CHECKOUT / "scripts" / "store", *at)
    print(command(*store, "push", "--to", f"{site.url}/cache", PACKAGE, **mine).strip()[-200:])
    (folder / "key").write_text(key.strip())
    check_cache(site, folder)


def check_cache(site: Site, folder: Path) -> None:
    """Realise the compiler in an empty store, from the cache alone."""
    other = {"XDG_CONFIG_HOME": str(folder / "other")}
    store = (CHECKOUT / "scripts" / "store", "--root", folder / "empty")
    command(*store, "key", "trust", (folder / "key").read_text(), **other)
    words = ("realise", "--cache-only", "--cache", f"{site.url}/cache", PACKAGE)
    expect("cache", command(*store, *words, **other), "/store/.*-gcc-")
    shutil.rmtree(folder / "empty")


def bound(name: str, value: float) -> None:
    """Print a figure beside its bound; Failed for a size above it. Times are those of the host."""
    within = value <= BOUNDS[name]
    text = f"{value:.1f} {name} (at most {BOUNDS[name]}{'' if within else ', TOO MUCH'})"
    if not within and name.startswith("MiB"):
        raise Failed(text)
    print(text, flush=True)


def free_port() -> int:
    """Return a port of the loopback that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def started(machine: Machine) -> Site:
    """Return the site once its first page is there, and print how long that took."""
    console = start(machine)
    site = Site(console, *(host for host, _ in machine.ports))
    site.page("/")
    bound("s to the first page", time.monotonic() - console.began)
    return site


def trial(machine: Machine, folder: Path, root: str | None) -> None:
    """Do all steps."""
    site = started(machine)
    with site.console as console:
        drive_pages(site)
        time.sleep(10)
        used = int(console.run("free -m | sed -n 2p").split()[2])
        bound("MiB of idle memory", used)
        console.run(USER)
        drive_cache(site, folder, root)
        console.run("sync")
        commit = drive_repository(site, folder / "clone")
        drive_tracker(site)
        drive_lists(site)
        print("the plug is pulled")
    site = started(machine)
    with site.console as console:
        expect("journal", console.run("cat /run/e2fsck.log"), "recovering journal|clean")
        check_state(site, folder, commit)
        check_cache(site, folder)
        expect("backup", console.run("site-backup > /dev/null; echo =$?"), "=0")
        command("curl", "-sSf", "-o", folder / "site.tar", f"{site.writing}/backup/site.tar")
        ended(console)
    machine.data.unlink()
    new_disk(machine.data)
    site = started(machine)
    with site.console as console:
        console.run(USER)
        command("curl", "-sSf", "-T", folder / "site.tar", f"{site.writing}/backup/site.tar")
        expect("restore", console.run("site-restore > /dev/null; echo =$?"), "=0")
        check_state(site, folder, commit)
        ended(console)


def check_state(site: Site, folder: Path, commit: str) -> None:
    """Find the commit, the ticket and the mail."""
    check_repository(site, folder / "clone", commit)
    check_tracker(site)
    check_lists(site)


def ended(console: Console) -> None:
    """Power the machine off in order."""
    status = console.power_off()
    if status:
        raise Failed(f"the emulator ended with {status}")
    print("powered off")


def new_disk(path: Path) -> None:
    """Make an empty disk for data."""
    path.touch()
    os.truncate(path, 1 << 30)


def site_machine(built: Built, data: Path, memory: int) -> Machine:
    """Return the site's machine, its web and mail at free ports of the loopback."""
    return Machine(
        kernel=built.kernel,
        initramfs=built.initramfs,
        disk=built.disk,
        data=data,
        memory=memory,
        ports=((free_port(), 80), (free_port(), 25)),
        accelerated=accelerated(),
    )


@click.command()
@click.option("--root", help="The store's root, as for `store`.")
@memory_option(MEMORY)
def main(root: str | None, memory: int) -> None:
    """Try the system `site`: all its services, then the plug, then all again."""
    refuse_without_qemu()
    built = places("system.site", root, None)
    bound("MiB of image", built.disk.stat().st_size / (1 << 20))
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data.img"
        new_disk(data)
        machine = site_machine(built, data, memory)
        trial(machine, Path(name), root)


if __name__ == "__main__":
    run_script(main)
