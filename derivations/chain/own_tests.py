"""gcc's own small programs, by the gccs of the chain: 1,553 that have to end well.

gcc 10's archive has them; gcc 3.4.6's has none, so it compiles those of gcc 10 that are as old as
it. They are packages and no part of the chain: some thousand more builds for each change of a link
would be too many.
"""

from __future__ import annotations

from dataclasses import replace

from derivations.chain import gcc10
from derivations.kit import Recipe, phase, phases, variant

_OPTIONS = (
    "nested=gcc-10.2.0-dfsg.tar.xz",
    "strip=1",
    "include=gcc/testsuite/gcc.c-torture/execute/**",
)
SOURCE = replace(gcc10.SOURCE, name="chain-gcc10-tests", options=_OPTIONS)

# A line of a program says what else it is to be compiled with. One that waits is ended.
_TRY = """\
options=$(sed -n 's/.*{ *dg-\\(additional-\\)*options *"\\([^"]*\\)" *}.*/\\2/p' "$1")
name=${1##*/}
name=${name%.c}$2
if cc -w $2 $options -o "$name.run" "$1" -lm 2> /dev/null &&
    timeout 60 "./$name.run" > /dev/null 2>&1
then echo passed
else echo "$name"
fi > "$3"
rm -f "$name.run"
"""

_MAKEFILE = """\
programs := $(notdir $(wildcard $(patsubst %,$(folder)/%.c,$(names))))
results := $(foreach level,$(levels),$(programs:.c=$(level).result))
all: $(results)
define rule
%$(1).result: $(folder)/%.c
\t@sh /build/try.sh $$< $(1) $$@
endef
$(foreach level,$(levels),$(eval $(call rule,$(level))))
"""


def _build(names: str, levels: str) -> Recipe:
    folder = '"$source"/gcc/testsuite/gcc.c-torture/execute'
    return Recipe(
        name="chain-tests-gcc10",
        description="gcc's own small programs, compiled by gcc 10",
        licence="GPL-3.0-or-later",
        homepage="https://gcc.gnu.org/",
        source=SOURCE,
        seconds=300,
        files=(("try.sh", _TRY), ("Makefile", _MAKEFILE), ("expected", "")),
        build=phases(
            phase(
                "programs",
                f"make -f ../Makefile folder={folder} names='{names}' levels='{levels}'",
                "cat ./*.result | grep -v passed | sort > failed || true",
                'echo "$(cat ./*.result | grep -c passed) passed, $(wc -l < failed) failed"',
                "sed 's/ .*//' ../expected | sort | diff -u - failed",
                'mkdir "$out"',
                'cp failed "$out/"',
            ),
        ),
    )


TESTS_GCC10 = _build("[0-9a-z]*", "-O0 -O2")

TESTS_GCC3 = variant(
    _build("9[0-9]* 200[0-6]*", "-O0 -O1"),
    name="chain-tests-gcc3",
    description="gcc's own small programs until 2006, compiled by gcc 3.4.6",
)
