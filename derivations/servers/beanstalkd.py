"""A queue of work."""

from derivations.kit import Recipe, debian, makefile

BEANSTALKD = Recipe(
    source=debian(
        "b/beanstalkd/beanstalkd_1.13.orig.tar.gz",
        "26292dcdc0a7011d2f8ad968612f2cd8b2ef07687224876015399ae85e9e5263",
    ),
    description="A queue of work",
    licence="MIT",
    homepage="https://beanstalkd.github.io/",
    build=makefile("USE_SYSTEMD=no", 'CFLAGS="$CFLAGS -Wno-stringop-truncation"'),
    programs=("beanstalkd -v",),
    upstream=("make -C /build/src check",),
    seconds=10,
)
