"""The certificates that the web trusts."""

from derivations.kit import Recipe, debian, phase, phases

CA_CERTIFICATES = Recipe(
    source=debian(
        "c/ca-certificates/ca-certificates_20250419.tar.xz",
        "33b44ef78653ecd3f0f2f13e5bba6be466be2e7da72182f737912b81798ba5d2",
    ),
    description="The certificates of those that Mozilla trusts to name servers of the web",
    licence="MPL-2.0",
    homepage="https://wiki.mozilla.org/CA",
    build=phases(
        phase(
            "build",
            "cd /build/src/mozilla",
            # It warns of certificates whose time is over, by a module that is not here.
            "sed -i -e '/^from cryptography/d' -e '/^        cert = x509/,/^$/d' certdata2pem.py",
            "python3 certdata2pem.py",
            'test "$(ls *.crt | wc -l)" -gt 100',
        ),
        phase(
            "install",
            'mkdir -p "$out/etc/ssl/certs"',
            'cat /build/src/mozilla/*.crt > "$out/etc/ssl/certs/ca-certificates.crt"',
            'ln -s certs/ca-certificates.crt "$out/etc/ssl/cert.pem"',
        ),
        tools=("coreutils", "grep", "python", "sed", "sh"),
        in_tree=True,
    ),
    tools=("openssl", "python"),
    licences=("debian/copyright",),
    check=(
        'file="$out/etc/ssl/cert.pem"',
        "python3 -c \"import ssl; print(len(ssl.create_default_context(cafile='$file')"
        '.get_ca_certs()))" > many',
        'test "$(cat many)" -gt 100',
    ),
    seconds=10,
)
