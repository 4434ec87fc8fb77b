"""Debian's kernel as it stands in for ours: its drivers are modules, which an initramfs loads.

Ours needs no initramfs and takes a quarter of an hour to build; this one is to be had in seconds.
"""

from derivations.kit import Recipe, debian, phase, phases

# In this order each finds what it needs.
_MODULES = (
    *("drivers/virtio/virtio", "drivers/virtio/virtio_ring"),
    *("drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci_modern_dev"),
    *("drivers/virtio/virtio_pci", "drivers/block/virtio_blk"),
    *("net/core/failover", "drivers/net/net_failover", "drivers/net/virtio_net"),
    *("lib/libcrc32c", "fs/erofs/erofs", "fs/overlayfs/overlay"),
)

_INIT = """\
#!/bin/sh
# Loads the drivers, mounts the root that the kernel's words name, and begins its init.
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for module in $(cat /modules)
do
    insmod "/lib/${module##*/}.ko"
done
root= init=/init
for word in $(cat /proc/cmdline)
do
    case $word in
        root=* | init=*) eval "${word%%=*}=\\${word#*=}" ;;
    esac
done
mount -t erofs -o ro "$root" /root || exec sh
mount --move /dev /root/dev
umount /proc
exec switch_root /root "$init"
"""


def _kernel(release: str, package: str, sha256: str) -> Recipe:
    """Return the kernel ``release`` of a ``package``, a version of Debian's."""
    return Recipe(
        source=debian(
            f"l/linux-signed-amd64/linux-image-{release}_{package}_amd64.deb",
            sha256,
            options=(),
            seconds=5,
        ),
        name="linux",
        version=package.partition("-")[0],
        description="A kernel of Debian's, and an initramfs with its modules, in the place of ours",
        licence="GPL-2.0-only WITH Linux-syscall-note",
        homepage="https://www.kernel.org/",
        tools=("gzip",),
        # Not a tool: its programs on $PATH would hide others.
        runs=("busybox",),
        files=(("init", _INIT), ("modules", "".join(f"{each}\n" for each in _MODULES))),
        licences=(f"usr/share/doc/linux-image-{release}/copyright",),
        build=phases(
            phase(
                "install",
                "mkdir -p tree/bin tree/dev tree/lib tree/proc tree/root",
                'cp "$busybox/bin/busybox" tree/bin/busybox',
                "for name in sh mount umount insmod cat switch_root; do"
                " ln -s busybox tree/bin/$name; done",
                "cp /build/init /build/modules tree/",
                "chmod 755 tree/init",
                f"modules=/build/src/lib/modules/{release}/kernel",
                'while read -r each; do cp "$modules/$each.ko" tree/lib/; done < /build/modules',
                "find tree -exec touch -h -d @0 {} +",
                'mkdir -p "$out/boot"',
                '(cd tree && find . | sort | "$busybox/bin/busybox" cpio -o -H newc) | gzip -9n'
                ' > "$out/boot/initramfs"',
                f'cp /build/src/boot/vmlinuz-{release} "$out/boot/bzImage"',
            )
        ),
        check=(
            'test "$(dd if="$out/boot/bzImage" bs=1 skip=514 count=4 2> dd.log)" = HdrS',
            'gzip -dc "$out/boot/initramfs" | grep -aq lib/erofs.ko',
        ),
        seconds=5,
    )


LINUX = _kernel(
    "6.1.0-50-cloud-amd64",
    "6.1.176-1",
    "efe19f605b6f54a8352e68d85a629abb2d30b72a085faef603a9152590baa791",
)
OTHER_LINUX = _kernel(
    "6.1.0-47-cloud-amd64",
    "6.1.170-3",
    "139e51253b0d93db1ba3eb87707f76f3c5a7d83a50a5e5aacbda010ad21bd73a",
)
"""For a system that changes its kernel: `scripts/upgrade-trial`."""
