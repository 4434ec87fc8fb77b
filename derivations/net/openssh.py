"""Shells on other machines, encrypted."""

from derivations.kit import Recipe, autotools, debian, debian_patches

OPENSSH = Recipe(
    source=debian(
        "o/openssh/openssh_10.0p1.orig.tar.gz",
        "021a2e709a0edf4250b1256bd5a9e500411a90dddabea830ed59cef90eb9d85c",
        version="10.0p2",
    ),
    description="Shells and files on other machines, encrypted",
    licence="SSH-OpenSSH",
    homepage="https://www.openssh.com/portable.html",
    needs=("openssl", "zlib"),
    patches=(
        debian_patches(
            "o/openssh/openssh_10.0p1-7+deb13u4.debian.tar.xz",
            "102e1065030c6002acabd7f896eeba1462bf54b4d7393bac34b0308312868ec6",
            "CVE-2025-61984.patch",
            "CVE-2025-61985.patch",
            "fix-max-startups-tracking.patch",
            "CVE-2026-35388.patch",
            "CVE-2026-35385.patch",
            "CVE-2026-35387.patch",
            "CVE-2026-35414.patch",
            "CVE-2026-35386-1.patch",
            "CVE-2026-35386-2.patch",
        ),
    ),
    build=autotools(
        "--sysconfdir=/etc/ssh --with-privsep-path=/var/empty --with-pid-dir=/run --without-pam",
        '--disable-strip --disable-lastlog --disable-wtmp --sbindir="$out/bin"',
        "--with-default-path=/bin",
        # No package gives a program the rights of another user.
        prepare=("sed -i 's/-m 4711/-m 0711/' /build/src/Makefile.in",),
        install="install-nokeys DESTDIR=/build/dest",
        finish=('mkdir -p "$out"', 'cp -R /build/dest"$out"/. "$out"/'),
    ),
    programs=("ssh -V", "sshd -V"),
    check=(
        '"$out/bin/ssh-keygen" -q -t ed25519 -N "" -f key',
        "echo works > text",
        '"$out/bin/ssh-keygen" -Y sign -f key -n it text',
        'echo "me $(cat key.pub)" > signers',
        '"$out/bin/ssh-keygen" -Y verify -f signers -I me -n it -s text.sig < text',
    ),
    # The others need a shared library, or users.
    upstream=("make unit",),
    seconds=150,
)
