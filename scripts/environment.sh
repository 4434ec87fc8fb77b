# Sourced by the scripts beside it, which set $self to their own path, links resolved. It sets $root
# to the checkout. `prepare KIND` (store or test) sets $python to an interpreter that has the
# checkout's dependencies, and $bytecode to where compiled modules go (empty: beside the sources).
# When all is set up, this starts one process (cmp); the work is done by environment.py.
#
# The environment in a checkout knows the checkout by where itself lies, so a copy of both is good
# at once, and is the copy's. Nothing here depends on PYTHON* or PIP_* variables.

# A path may end in a newline, which $(...) would drop.
root=$(CDPATH='' cd -- "${self%/*}/.." && pwd -P && echo .) || exit 1
root=${root%??}

# tried.toml is written when what was installed was tried.
usable() {
    # A glob that matches nothing names no file.
    for found in "$1"/lib/python3*/site-packages/checkout.pth; do
        [ -e "$found" ] || return 1
    done
    [ -x "$1/bin/python" ] && [ -e "$1/pyvenv.cfg" ] && cmp -s "$root/pyproject.toml" "$1/tried.toml"
}

# What cannot be written in the checkout stands in the user's cache, under the checkout's own path.
prepare() {
    inside=$root/.venv
    case ${XDG_CACHE_HOME-} in
        /*) cache=$XDG_CACHE_HOME/fixpoint$root ;;
        *) cache=$(home)/.cache/fixpoint$root ;;
    esac
    if usable "$inside/$1"; then
        place=$inside
    elif usable "$cache/.venv/$1"; then
        place=$cache/.venv
    else
        place=$cache/.venv
        if [ -w "$inside" ] || { [ ! -e "$inside" ] && [ -w "$root" ]; }; then
            place=$inside
        fi
        find_python
        "$found" -I "$root/scripts/environment.py" "$1" "$root" "$place" || exit 1
    fi
    python=$place/$1/bin/python
    bytecode=$cache/pycache
    if [ -w "$root/store" ]; then
        bytecode=
    fi
}

# The user's home: $HOME, and where that is no absolute path, what the password database has; a
# place where no folder can be if nothing says it.
home() {
    case ${HOME-} in
        /*) echo "$HOME" ;;
        *)
            found=$(getent passwd "$(id -u)" | cut -d : -f 6)
            echo "${found:-/dev/null}"
            ;;
    esac
}

# For when $python could not be executed: it is of another machine, or its own one is gone. The next
# set-up makes another, once.
unfit() {
    echo "store: $python does not run here" >&2
    [ -z "${FIXPOINT_SET_UP_AGAIN-}" ] && rm -f "$place/$1/tried.toml" "$place/$1/tried.txt" ||
        exit 1
    export FIXPOINT_SET_UP_AGAIN=1
}

find_python() {
    for found in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$found" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            return
        fi
    done
    echo "store: Python 3.11 or newer is needed; install it as python3" >&2
    exit 1
}
