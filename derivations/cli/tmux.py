"""Many terminals in one."""

from derivations.kit import Recipe, autotools, debian

TMUX = Recipe(
    source=debian(
        "t/tmux/tmux_3.5a.orig.tar.gz",
        "16216bd0877170dfcc64157085ba9013610b12b082548c7c9542cc0103198951",
    ),
    description="Has many terminals in one, which stay when one leaves",
    licence="ISC AND BSD-2-Clause AND BSD-3-Clause",
    homepage="https://github.com/tmux/tmux/wiki",
    needs=("libevent", "ncurses"),
    in_tree=True,
    tools=("bison",),
    build=autotools("--enable-static", prepare=("mkdir compat",)),
    programs=("tmux -V",),
    check=('"$out/bin/tmux" -f /dev/null -S socket start-server ";" show-options -g prefix',),
    seconds=60,
)
