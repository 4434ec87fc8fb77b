"""HTTP and other protocols of the net."""

from derivations.kit import Recipe, autotools, debian, debian_patches

CURL = Recipe(
    source=debian(
        "c/curl/curl_8.14.1.orig.tar.gz",
        "6766ada7101d292b42b8b15681120acd68effa4a9660935853cf6d61f0d984d4",
    ),
    description="Fetches and sends files over HTTP and other protocols of the net",
    licence="curl",
    homepage="https://curl.se/",
    needs=("openssl", "zlib", "zstd"),
    patches=(
        debian_patches(
            "c/curl/curl_8.14.1-2+deb13u5.debian.tar.xz",
            "ebdfcfab1c2001c7a539fe2a4044dbf666a544393f191bedce9ee2d07c4ea925",
            "tool_operate_fix_return_code_when_retry_is_used_but_not_triggered.patch",
            "cookie-don-t-treat-the-leading-slash-as-trailing.patch",
            "CVE-2025-10148.patch",
            "wcurl-CVE-2025-11563.patch",
            "CVE-2025-13034.patch",
            "CVE-2025-14524.patch",
            "CVE-2025-14819.patch",
            "CVE-2026-1965_1.patch",
            "CVE-2026-1965_2.patch",
            "CVE-2026-3783.patch",
            "CVE-2026-3784.patch",
            "CVE-2026-3805.patch",
            "CVE-2026-4873.patch",
            "CVE-2026-5545.patch",
            "CVE-2026-6253.patch",
            "CVE-2026-5773.patch",
            "CVE-2026-6276.patch",
            "CVE-2026-7168.patch",
            "CVE-2026-6429.patch",
        ),
    ),
    build=autotools(
        "--disable-shared --with-openssl --without-libpsl --without-libidn2 --without-brotli",
        "--without-nghttp2 --without-libssh2 --disable-ldap --disable-docs --disable-manual",
        "--with-ca-bundle=/etc/ssl/certs/ca-certificates.crt --without-ca-path",
        # Copies of the libraries, for tests alone.
        build="noinst_LTLIBRARIES=",
        install="noinst_LTLIBRARIES= install",
    ),
    programs=("curl",),
    check=(
        "echo works > page",
        'test "$("$out/bin/curl" -s "file://$PWD/page")" = works',
    ),
    seconds=120,
)
