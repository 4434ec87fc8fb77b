"""The files of a system, by path from the root of its file system: texts made from its value."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from derivations.kit import process_1
from derivations.kit.network import Network
from derivations.kit.system import TTY, Service, System, User, is_made

INIT = "init"
BEGIN = "etc/runit/begin"
ACTIVATE = "etc/runit/activate"
SERVICES = "etc/runit/services"
SIGNAL = "etc/runit/signal"
KERNEL = "etc/runit/kernel"
DHCP = "etc/runit/dhcp"
CONSOLE = "console"
"""The service that is a shell: programs that were begun there go on after it."""

_ACTIVATE = """\
#!/bin/sh
# Makes the system whose tree is the folder $1 the running one: its programs and files are seen in
# the place of others. Mounts are laid over mounts, so that no name is missing at any time.
set -eu
export PATH=/bin
objects=/var/lib/fixpoint/store
if test -d "$objects"
then
    # Anew each time: an overlay does not see a name come that it was asked for before.
    mount -t overlay -o "ro,lowerdir=$objects:/run/image/store" store /store
fi
for each in bin share etc usr
do
    mount --bind "$1/$each" "/$each"
done
echo "$1" > /run/fixpoint/system
hostname -F /etc/hostname
"""

_SERVICES = """\
#!/bin/sh
# Brings the services that run in line with /etc/sv: new ones begin, those that are no longer there
# end, and those that changed begin anew; but for the console, where somebody works.
export PATH=/bin
mkdir -p /run/service /run/sv
@folders@
# Prints a digest of all that a service is made of: its scripts, and the programs and files that
# they name. As few processes as can be: a switch does this for each service.
digest_of() {
    scripts=$(find "/etc/sv/$1/" -type f | sort)
    programs= places=
    for word in $(cat $scripts | tr -cs 'A-Za-z0-9_./+-' '\n' | sort -u)
    do
        case $word in
            /etc/?* | /share/?*) places="$places $word" ;;
            */*) ;;
            *) test ! -L "/bin/$word" || programs="$programs /bin/$word" ;;
        esac
    done
    {
        cat $scripts
        test -z "$programs" || stat -c %N $programs
        if test -n "$places"
        then
            find $places -type l -exec stat -c %N {} + | sort
            find $places -type f -exec sha256sum {} + | sort
        fi
    } 2> /dev/null | sha256sum
}

for service in /run/service/*
do
    name=${service##*/}
    if test -L "$service" && test ! -d "/etc/sv/$name"
    then
        sv -w 10 force-stop "$service"
        rm "$service"
        sv exit "/run/sv/$name"
        rm -r "/run/sv/$name"
    fi
done
for service in /etc/sv/*
do
    name=${service##*/}
    digest=$(digest_of "$name")
    if test -L "/run/service/$name"
    then
        test "$name" != console || continue
        test "$digest" != "$(cat "/run/sv/$name/digest")" || continue
        echo "$digest" > "/run/sv/$name/digest"
        sv -w 10 force-restart "/run/service/$name"
        continue
    fi
    # runsv writes its state beside the scripts, and these cannot be written to.
    mkdir -p "/run/sv/$name"
    ln -s "$service"/* "/run/sv/$name/"
    echo "$digest" > "/run/sv/$name/digest"
    if test -d "$service/log"
    then
        rm "/run/sv/$name/log"
        mkdir "/run/sv/$name/log"
        ln -s "$service/log/run" "/run/sv/$name/log/run"
        mkdir -p "/var/log/$name"
    fi
    ln -s "/run/sv/$name" "/run/service/$name"
done
"""

_DHCP = """\
#!/bin/sh
# Called by udhcpc with what it was given.
case $1 in
    bound | renew)
        ip address replace "$ip/$mask" dev "$interface"
        test -z "$router" || ip route replace default via "${router%% *}"
        for server in $dns
        do
            echo "nameserver $server"
        done > /run/resolv.conf.new
        mv /run/resolv.conf.new /run/resolv.conf
        read -r up rest < /proc/uptime
        echo "network: $ip/$mask after $up s"
        ;;
    deconfig)
        ip address flush dev "$interface"
        ip link set "$interface" up
        ;;
esac
"""

_JOIN = """\
# All processes of the service are in one control group, so that none outlives it: `finish`.
group=/sys/fs/cgroup/service.@name@
mkdir -p "$group"
echo $$ > "$group/cgroup.procs"\
"""

_FINISH = """\
#!/bin/sh
# $1 and $2: how it ended.
export PATH=/bin
@leave@@slowed@"""

_LEAVE = """\
# What it began ends with it: it may write where the next one does, or a backup reads.
group=/sys/fs/cgroup/service.@name@
while grep -q '^populated 1' "$group/cgroup.events"
do
    echo 1 > "$group/cgroup.kill"
    sleep 0.1
done
"""

_SLOWED = """\
# A service that ends again and again waits longer each time, up to a minute, and the console says
# so.
read -r now rest < /proc/uptime
now=${now%.*}
ends=0
read -r last ends 2> /dev/null < /run/sv/@name@/ends || last=0
if test $((now - last)) -gt 120
then
    ends=0
fi
ends=$((ends + 1))
echo "$now $ends" > /run/sv/@name@/ends
@lines@if test "$ends" -gt 3
then
    pause=$((ends * 2))
    test "$pause" -lt 60 || pause=60
    echo "service @name@ ended $ends times (status $1); it begins in $pause s" > /dev/console
    sleep "$pause"
fi
"""

_LOG = """\
#!/bin/sh
# A file ends at a megabyte, and ten are kept.
export PATH=/bin
exec svlogd -tt /var/log/@name@
"""


def files(system: System) -> dict[str, str]:
    """Return all texts; those of :func:`executable` paths are scripts."""
    found = {
        "etc/fstab": "# Process 1 makes all mounts.\n",
        "etc/group": "".join(_groups(system)),
        "etc/hostname": f"{system.hostname}\n",
        "etc/hosts": f"127.0.0.1 localhost {system.hostname}\n::1 localhost {system.hostname}\n",
        "etc/passwd": "".join(_account(user) for user in system.everyone),
        "etc/profile": "export PATH=/bin\n",
        "etc/shadow": "".join(f"{u.name}:{u.password}:::::::\n" for u in system.everyone),
        INIT: process_1.INIT,
        BEGIN: process_1.BEGIN,
        ACTIVATE: _ACTIVATE,
        SERVICES: _SERVICES.replace("@folders@", "".join(_folder_lines(system))),
        KERNEL: process_1.KERNEL,
        SIGNAL: process_1.SIGNAL,
        DHCP: _DHCP,
    }
    for service in (*_own_services(system), *system.services):
        found.update(_service_files(service))
    return found | dict(system.files)


def executable(path: str) -> bool:
    """Return whether the file at a path is a script that is run."""
    return path == INIT or path.startswith("etc/runit/") or path.startswith("etc/sv/")


def _account(user: User) -> str:
    return f"{user.name}:x:{user.number}:{user.number}::{user.home}:{user.shell}\n"


def _groups(system: System) -> Iterator[str]:
    for user in system.everyone:
        members = ",".join(each.name for each in system.everyone if user.name in each.groups)
        yield f"{user.name}:x:{user.number}:{members}\n"
    yield f"tty:x:{TTY}:\n"


def _folder_lines(system: System) -> Iterator[str]:
    """Yield the lines that make the folders in which users and services write."""
    for user in system.users:
        if is_made(user):
            home = shlex.quote(user.home)
            yield f"mkdir -p -m 700 {home} && chown {user.name}:{user.name} {home}\n"
    for service in system.services:
        owner = f"{service.user}:{service.user}"
        for folder in service.folders:
            path = shlex.quote(folder)
            yield f"mkdir -p {path} && chown {owner} {path}\n"


def _own_services(system: System) -> Iterator[Service]:
    """Yield the services that every system has, as far as it wants them."""
    if system.console:
        tty = f"/dev/{system.console}"
        shell = f"exec setsid -c sh -c 'exec sh -l < {tty} > {tty} 2>&1'"
        yield Service(
            name=CONSOLE,
            run=("export HOME=/var/root TERM=linux", "cd /var/root", shell),
            log=False,
        )
    if system.network is not None:
        yield Service(name="network", run=tuple(_network_lines(system.network)), log=False)


def _network_lines(network: Network) -> Iterator[str]:
    yield 'interface=$(ls /sys/class/net | grep -vx -e lo -e "dummy.*" -e "sit.*" | head -n 1)'
    yield 'test -n "$interface" || { echo "no network interface"; exec sleep 60; }'
    yield 'ip link set "$interface" up'
    if not network.address:
        yield 'exec udhcpc -f -i "$interface" -s /etc/runit/dhcp -t 30 -T 1 > /dev/console'
        return
    yield f'ip address replace {network.address} dev "$interface"'
    if network.gateway:
        yield f"ip route replace default via {network.gateway}"
    for server in network.nameservers:
        yield f"echo nameserver {server} >> /run/resolv.conf"
    yield "exec sleep 2147483647"


def _service_files(service: Service) -> Iterator[tuple[str, str]]:
    folder = f"etc/sv/{service.name}"
    *before, last = service.run
    user = "" if service.user == "root" else f"chpst -u {service.user} "
    if user:
        last = "exec " + user + last.removeprefix("exec ")
    output = "exec 2>&1" if service.log else "exec > /dev/console 2>&1"
    alone = service.name == CONSOLE
    join = () if alone else (_JOIN.replace("@name@", service.name),)
    lines = ("#!/bin/sh", "export PATH=/bin", output, *join, *before, last)
    yield f"{folder}/run", "\n".join(lines) + "\n"
    own = "".join(f"{line}\n" for line in service.finish)
    text = _FINISH.replace("@leave@", "" if alone else _LEAVE).replace("@slowed@", _SLOWED)
    yield f"{folder}/finish", text.replace("@name@", service.name).replace("@lines@", own)
    if service.log:
        yield f"{folder}/log/run", _LOG.replace("@name@", service.name)
