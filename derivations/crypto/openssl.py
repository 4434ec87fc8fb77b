"""TLS, and the cryptography under it."""

from derivations.kit import Recipe, configure, debian, debian_patches

# A program that links the library in would hold these places.
PLACES = "ENGINESDIR=/lib/engines-3 MODULESDIR=/lib/ossl-modules"

OPENSSL = Recipe(
    source=debian(
        "o/openssl/openssl_3.5.7.orig.tar.gz",
        "a8c0d28a529ca480f9f36cf5792e2cd21984552a3c8e4aa11a24aa31aeac98e8",
    ),
    description="TLS, certificates and the cryptography under them",
    licence="Apache-2.0",
    homepage="https://www.openssl.org/",
    patches=(
        debian_patches(
            "o/openssl/openssl_3.5.7-1~deb13u2.debian.tar.xz",
            "593a47654ead460a3b609503733f80bef552ff0802799d3b47784faacc50809f",
            "conf-Serialize-allocation-free-of-ssl_names.patch",
            "Avoid-double-free-of-qrx-in-port_default_packet_handler.patch",
            "Add-test-for-CVE-2026-63072.patch",
            "Fix-heap-buffer-overflow-8-byte-OOB-write-in-AES-WRAP-PAD.patch",
            "Add-test-for-CVE-2026-63076.patch",
            "Fix-Remote-NULL-deref-in-ossl_cmp_calc_protection-via-cra.patch",
            "Handle-signature_algorithms_cert-extension-in-key-only-co.patch",
            "Avoid-full-read-buffer-allocation-when-buffering-DTLS-nex.patch",
            "ssl-record-methods-dtls_meth.c-lower-the-unprocessed_rcds.patch",
            "ssl-record-remove-dead-DTLS-processed_rcds-record-queue.patch",
            "CMP-unexpected-sender-DN-used-as-format-string-in-ERR_rai.patch",
            "Add-test-for-CVE-2026-63073.patch",
            "Add-a-test-for-restricting-growth-in-cmp-cert-cache.patch",
            "Fix-unbounded-cert-cache-growth-in-cmp.patch",
            "Don-t-store-ACK-only-frames-in-TX-history-for-QUIC.patch",
            "Check-the-tag-on-EVP_Cipher-finalize-Poly1305-and-OCB-AEA.patch",
            "QUIC-server-limit-number-of-pending-QUIC-channels-connect.patch",
        ),
    ),
    tools=("perl",),
    build=configure(
        "--libdir=lib --openssldir=/etc/ssl",
        "no-shared no-module no-dso no-engine no-tests no-docs linux-x86_64",
        script="perl Configure",
        # With -static among the flags it would leave threads out; the compiler is static anyway.
        env={"LDFLAGS": "-s"},
        build=PLACES,
        install="install_dev install_runtime",
        finish=(
            'rm "$out/bin/c_rehash"',
            'mkdir -p "$out/share/openssl"',
            'cp --no-preserve=mode /build/src/apps/openssl.cnf "$out/share/openssl/"',
        ),
    ),
    programs=("openssl version",),
    check=(
        'export OPENSSL_CONF="$out/share/openssl/openssl.cnf"',
        '"$out/bin/openssl" req -x509 -newkey ed25519 -nodes -subj /CN=a -keyout key -out cert',
        '"$out/bin/openssl" verify -CAfile cert cert',
        "printf '#include <openssl/evp.h>\\n#ifdef OPENSSL_THREADS\\n"
        "int main(void) { return !EVP_sha256(); }\\n#endif\\n' > a.c",
        "$CC a.c -o a $(pkg-config --cflags --libs libcrypto)",
        "./a",
    ),
    seconds=630,
)
