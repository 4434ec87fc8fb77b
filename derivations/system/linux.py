"""The kernel, without modules: all that it can do is in it."""

from dataclasses import replace

from derivations import linux_headers
from derivations.kit import Recipe, phase, phases

# Names alone are built in; ``=n`` is for what would be built in by default. Nothing can be loaded
# later, so nothing can be left out of an image.
_OPTIONS = """\
# Basics
64BIT EXPERT KERNEL_GZIP LOCALVERSION="" DEFAULT_HOSTNAME="fixpoint"
# Processor, time and memory
SMP X86_X2APIC HYPERVISOR_GUEST PARAVIRT KVM_GUEST PVH HIGH_RES_TIMERS NO_HZ_IDLE HZ_250
PREEMPT_VOLUNTARY RELOCATABLE RANDOMIZE_BASE TRANSPARENT_HUGEPAGE TRANSPARENT_HUGEPAGE_MADVISE
COMPACTION MIGRATION SWAP VMAP_STACK STACKPROTECTOR STACKPROTECTOR_STRONG HARDENED_USERCOPY
INIT_ON_ALLOC_DEFAULT_ON CPU_MITIGATIONS MITIGATION_PAGE_TABLE_ISOLATION MITIGATION_RETPOLINE
MITIGATION_RETHUNK MITIGATION_SPECTRE_BHI JUMP_LABEL UNWINDER_FRAME_POINTER
CC_OPTIMIZE_FOR_PERFORMANCE SLUB SCHED_MC NR_CPUS=64
# What programs expect
PRINTK BUG ELF_CORE COREDUMP MULTIUSER FHANDLE POSIX_TIMERS FUTEX EPOLL SIGNALFD TIMERFD EVENTFD
SHMEM AIO IO_URING ADVISE_SYSCALLS MEMBARRIER RSEQ KCMP CROSS_MEMORY_ATTACH SYSVIPC POSIX_MQUEUE
BINFMT_ELF BINFMT_SCRIPT BINFMT_MISC PROC_FS PROC_SYSCTL PROC_PAGE_MONITOR SYSFS INOTIFY_USER
FANOTIFY FILE_LOCKING IKCONFIG IKCONFIG_PROC BLK_DEV_INITRD RD_GZIP RD_XZ SYSFS_SYSCALL=n
RD_BZIP2=n RD_LZMA=n RD_LZO=n RD_LZ4=n RD_ZSTD=n
# What the store's sandbox needs
NAMESPACES UTS_NS IPC_NS USER_NS PID_NS NET_NS TIME_NS CGROUPS MEMCG CGROUP_PIDS CGROUP_SCHED
FAIR_GROUP_SCHED CFS_BANDWIDTH CGROUP_FREEZER CPUSETS BLK_CGROUP CGROUP_CPUACCT BPF_SYSCALL
CGROUP_BPF BPF_UNPRIV_DEFAULT_OFF SECCOMP SECCOMP_FILTER SECURITY SECURITY_LANDLOCK SECURITYFS
LSM="landlock"
# The machine, real or emulated
PCI PCI_MSI ACPI ACPI_BUTTON PM EFI EFI_STUB EFIVAR_FS RTC_CLASS RTC_DRV_CMOS VIRTIO_MENU
VIRTIO_PCI VIRTIO_BALLOON VIRTIO_INPUT VIRTIO_MMIO VIRTIO_MMIO_CMDLINE_DEVICES VIRTIO_CONSOLE
HW_RANDOM HW_RANDOM_VIRTIO TTY VT VT_CONSOLE UNIX98_PTYS SERIAL_8250 SERIAL_8250_CONSOLE
SERIAL_8250_PNP DEVTMPFS DEVTMPFS_MOUNT STANDALONE ATA SATA_AHCI BLK_DEV_NVME USB_SUPPORT USB
USB_PCI USB_XHCI_HCD USB_EHCI_HCD USB_STORAGE HID_SUPPORT HID HID_GENERIC USB_HID SCSI
BLK_DEV_SD
# One kernel starts the next: a new system, without the firmware in between
KEXEC_FILE
# Block devices and file systems
BLOCK BLK_DEV BLK_DEV_LOOP VIRTIO_BLK PARTITION_ADVANCED MSDOS_PARTITION EFI_PARTITION EXT4_FS
EXT4_FS_POSIX_ACL MISC_FILESYSTEMS EROFS_FS EROFS_FS_XATTR EROFS_FS_ZIP SQUASHFS SQUASHFS_XATTR
SQUASHFS_ZLIB SQUASHFS_XZ OVERLAY_FS FUSE_FS VIRTIO_FS VFAT_FS NLS NLS_CODEPAGE_437
NLS_ISO8859_1 NLS_UTF8 TMPFS TMPFS_POSIX_ACL TMPFS_XATTR NETWORK_FILESYSTEMS 9P_FS
9P_FS_POSIX_ACL
# Network
NET PACKET UNIX UNIX_DIAG INET INET_DIAG IPV6 NETDEVICES NET_CORE VIRTIO_NET DUMMY TUN VETH
BRIDGE NET_9P NET_9P_VIRTIO VSOCKETS VIRTIO_VSOCKETS NET_SCHED NET_SCH_FQ_CODEL ETHERNET
NET_VENDOR_INTEL E1000 E1000E NET_VENDOR_REALTEK R8169
# Screen and input
DRM DRM_FBDEV_EMULATION DRM_VIRTIO_GPU DRM_VIRTIO_GPU_KMS DRM_SIMPLEDRM SYSFB_SIMPLEFB FB
FRAMEBUFFER_CONSOLE INPUT INPUT_EVDEV INPUT_KEYBOARD KEYBOARD_ATKBD INPUT_MOUSE MOUSE_PS2
"""


def _setting(word: str) -> str:
    name, _, value = word.partition("=")
    if value == "n":
        return f"# CONFIG_{name} is not set"
    return f"CONFIG_{name}={value or 'y'}"


_SETTINGS = [
    _setting(word)
    for line in _OPTIONS.splitlines()
    if not line.startswith("#")
    for word in line.split()
]

_MAKE = (
    'make -C /build/src O=/build/obj HOSTPKG_CONFIG="$PKG_CONFIG"'
    " KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:01 UTC 1970' KBUILD_BUILD_VERSION=1"
    " KBUILD_BUILD_USER=fixpoint KBUILD_BUILD_HOST=fixpoint"
)

LINUX = Recipe(
    source=replace(
        linux_headers.SOURCE,
        name="linux-tree",
        options=(
            "strip=1",
            "exclude=Documentation/[a-z]*",
            # Other processors, but for what Kconfig reads of each; UML is a part of x86.
            "exclude=arch/[a-tv-w]*/[abd-z]*",
            # Headers of hardware that this configuration has no drivers for.
            "exclude=drivers/gpu/drm/amd/include",
            "exclude=tools/testing",
            "exclude=tools/perf",
        ),
        seconds=40,
    ),
    name="linux",
    description="The kernel, without modules: all that it can do is in it",
    licence="GPL-2.0-only WITH Linux-syscall-note",
    homepage="https://www.kernel.org/",
    needs=("libelf",),
    tools=("bc", "bison", "flex", "gzip"),
    files=(("kernel.config", "".join(f"{line}\n" for line in _SETTINGS)),),
    licences=("LICENSES/preferred/GPL-2.0", "LICENSES/exceptions/Linux-syscall-note"),
    build=phases(
        phase(
            "configure",
            f"{_MAKE} KCONFIG_ALLCONFIG=/build/kernel.config allnoconfig",
            # An option that another one rules out is dropped without a word.
            "if grep -vxFf .config /build/kernel.config; then exit 1; fi",
        ),
        phase("build", f"{_MAKE} bzImage"),
        phase(
            "install",
            'mkdir -p "$out/boot"',
            'cp arch/x86/boot/bzImage "$out/boot/bzImage"',
            'cp .config "$out/boot/config"',
            'cp System.map "$out/boot/System.map"',
            'chmod 644 "$out"/boot/*',
        ),
    ),
    check=(
        'test "$(dd if="$out/boot/bzImage" bs=1 skip=514 count=4 2> dd.log)" = HdrS',
        'grep -a -q "6.12.107 (fixpoint@fixpoint)" "$out/boot/bzImage"',
        "grep -q '^# CONFIG_MODULES is not set' \"$out/boot/config\"",
    ),
    seconds=700,
)
