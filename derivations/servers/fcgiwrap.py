"""CGI programs behind a web server that speaks FastCGI."""

from derivations.kit import Recipe, debian, phase, phases

FCGIWRAP = Recipe(
    source=debian(
        "f/fcgiwrap/fcgiwrap_1.1.0.orig.tar.xz",
        "02cd41ad98d0ec28d06d262dd1768ec2daaf9227aa2ae84fd54117cf7f5b5ab9",
    ),
    description="Runs CGI programs for web servers that speak FastCGI",
    licence="MIT",
    homepage="https://github.com/gnosek/fcgiwrap",
    needs=("fcgi",),
    # One file. Its Makefile would have each warning end the build.
    files=(
        (
            "config.h",
            '#define PACKAGE_NAME "fcgiwrap"\n#define PACKAGE_VERSION "1.1.0"\n'
            '#define PACKAGE_BUGREPORT "https://github.com/gnosek/fcgiwrap/issues"\n',
        ),
    ),
    build=phases(
        phase(
            "build",
            "$CC -std=gnu99 $CFLAGS $LDFLAGS -I/build -o fcgiwrap /build/src/fcgiwrap.c -lfcgi",
        ),
        phase(
            "install",
            'mkdir -p "$out/bin" "$out/share/man/man8"',
            'cp fcgiwrap "$out/bin/"',
            'cp /build/src/fcgiwrap.8 "$out/share/man/man8/"',
        ),
    ),
    programs=("fcgiwrap -h",),
    licences=("fcgiwrap.c",),
    seconds=5,
)
