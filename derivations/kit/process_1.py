"""The scripts of process 1: how a system begins, which generation and kernel it is, and its end."""

_MOUNTS = """\
#!/bin/sh
# Process 1: makes the mounts, chooses the generation of the system, and leaves the rest to it.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
test -c /dev/console || mount -t devtmpfs dev /dev
ln -sf /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620 devpts /dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /dev/shm
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# The file system for data, by its label. Where there is none, it is made in the second partition of
# the root's disk, or on a second disk, if nothing is there.
data=$(findfs LABEL=data 2> /dev/null || true)
root=$(sed -n 's/.*root=\\(\\/dev\\/[a-z0-9]*\\).*/\\1/p' /proc/cmdline)
for each in "${root%1}2" /dev/vdb
do
    if test -z "$data" && test -b "$each" && test -z "$(blkid "$each")"
    then
        mke2fs -q -t ext4 -L data "$each" && data=$each
    fi
done
if test -n "$data"
then
    e2fsck -p "$data" > /run/e2fsck.log 2>&1 || cat /run/e2fsck.log
    mount -t ext4 -o nosuid,nodev,noatime "$data" /var
else
    echo "init: there is no disk for data: all in /var is lost at the end"
    mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /var
fi
mkdir -p -m 755 /var/log /var/lib /var/empty /var/lib/system
mkdir -p -m 700 /var/root
"""

CHOICE = """\
# The kernel's words that are for process 1: store/activation/kernels.py explains them.
kernel= wanted= counted=
for word in $(cat /proc/cmdline)
do
    case $word in
        fixpoint.kernel=*) kernel=${word#*=} ;;
        fixpoint.generation=*) wanted=${word#*=} ;;
        fixpoint.counted) counted=yes ;;
    esac
done
# The image's own system, which others are laid over.
mkdir -p /run/image /run/fixpoint
mount --bind / /run/image
echo /run/image > /run/fixpoint/system
echo 0 > /run/fixpoint/generation
echo "${kernel:-$(readlink /boot/bzImage)}" > /run/fixpoint/kernel
# The generation that was chosen. One that began twice and never came up is passed over, for the one
# that came up last, or those before it; the image's own system is the last. (Once may be a power
# cut.) A start by another kernel of ours was counted there: that kernel may not come so far.
cd /var/lib/system
profiles=/var/lib/fixpoint/profiles
tried= tries=0
read -r tried tries 2> /dev/null < trying
if test -z "$counted"
then
    if test "${tries:-0}" -gt 1 && ! grep -qx "$tried" up 2> /dev/null
    then
        echo "init: generation $tried of the system did not come up"
        echo "$tried" >> failed
    fi
    rm -f trying
fi
chosen=$(readlink "$profiles/system")
chosen=${chosen#system-}
chosen=${wanted:-${chosen%-link}}
before=
test -z "$chosen" || before="$(cat last 2> /dev/null) $(seq $((chosen - 1)) -1 1)"
for number in $chosen $before
do
    test "$number" -gt 0 || break
    # Its file init is a link into the store: to the tree of the system.
    tree=$(readlink "$profiles/system-$number-link/init")
    tree=/var/lib/fixpoint${tree%/init}
    if test -x "$tree/etc/runit/activate" && ! grep -qx "$number" failed 2> /dev/null
    then
        if test -z "$counted" || test "$number" != "$tried"
        then
            test "$number" = "$tried" || tries=0
            echo "$number $((${tries:-0} + 1))" > trying
            sync
        fi
        /etc/runit/kernel "$number"
        if "$tree/etc/runit/activate" "$tree"
        then
            echo "$number" > /run/fixpoint/generation
            break
        fi
        echo "$number" >> failed
    fi
done
echo "init: generation $(cat /run/fixpoint/generation) of the system"
cd /
exec /etc/runit/begin
"""

INIT = _MOUNTS + CHOICE

BEGIN = """\
#!/bin/sh
# Process 1, as the chosen system goes on: begins the services, and becomes runsvdir.
export PATH=/bin
hostname -F /etc/hostname
ip link set lo up
/etc/runit/services
(
    # It has come up when its services have run for a while, unless another one runs by now.
    read -r number < /run/fixpoint/generation
    sleep 10
    test "$number" = "$(cat /run/fixpoint/generation)" || exit 0
    cd /var/lib/system
    grep -qx "$number" up 2> /dev/null || echo "$number" >> up
    echo "$number" > last
    rm -f trying
    sync
) &
read -r up rest < /proc/uptime
echo "init: services begin $up s after the kernel"
exec runsvdir -P -s /etc/runit/signal /run/service
"""

KERNEL = """\
#!/bin/sh
# Starts the kernel of generation $1 in the place of the running one; 0 is the image's own system.
# Returns where that kernel runs already, or cannot be started. Nothing may write to /var meanwhile.
export PATH=/bin
tree=/run/image
if test "$1" -gt 0
then
    tree=$(readlink "/var/lib/fixpoint/profiles/system-$1-link/init")
    tree=/var/lib/fixpoint${tree%/init}
fi
kernel=$(readlink "$tree/boot/bzImage")
if test -z "$kernel" || test "$kernel" = "$(cat /run/fixpoint/kernel 2> /dev/null)"
then
    exit 0
fi
echo "init: the kernel of generation $1 starts: $kernel"
if command -v store > /run/kernel.log
then
    sync
    mount -o remount,ro /var 2> /dev/null
    store system start-kernel "$tree" --generation "$1" 2>&1
    mount -o remount,rw /var
else
    echo "init: nothing here can start it: the system has no store"
fi
echo "init: the machine goes on with the kernel that runs"
"""

SIGNAL = """\
#!/bin/sh
# Process 1 got this signal: USR1 (10) halts, USR2 (12) powers off, TERM (15) and INT (2) reboot.
export PATH=/bin
case $1 in
    10) how=halt ;;
    12) how=poweroff ;;
    15 | 2) how=reboot ;;
    *) exit 0 ;;
esac
echo "init: $how"
rm -f /var/lib/system/trying
sv -w 10 force-stop /run/service/* > /run/stopped.log 2>&1
if test "$how" = reboot
then
    # The kernel of the generation that was chosen starts now, if it is another one.
    chosen=$(readlink /var/lib/fixpoint/profiles/system)
    chosen=${chosen#system-}
    chosen=${chosen%-link}
    cd /var/lib/system
    if ! grep -qx "${chosen:-0}" failed 2> /dev/null
    then
        test -z "$chosen" || echo "$chosen 1" > trying
        /etc/runit/kernel "${chosen:-0}" > /dev/console
        rm -f trying
    fi
    cd /
fi
sync
umount -a -r 2> /dev/null
$how -f
"""
