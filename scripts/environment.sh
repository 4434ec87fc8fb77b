# Sourced by the scripts beside it, which set $self to their own path, links resolved. It sets $root
# to the checkout. `prepare KIND` (store or test) sets $python to an interpreter that has the
# checkout's dependencies, and $bytecode to where compiled modules go (empty: beside the sources).
# When all is set up, this starts one process (cmp); the work is done by environment.py.

root=$(CDPATH='' cd -- "${self%/*}/.." && pwd -P) || exit 1

usable() {
    [ -x "$1/bin/python" ] && cmp -s "$root/pyproject.toml" "$1/pyproject.toml"
}

# What cannot be written in the checkout stands in the user's cache, under the checkout's own path.
prepare() {
    inside=$root/.venv
    cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/fixpoint$root
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

find_python() {
    for found in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$found" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            return
        fi
    done
    echo "store: Python 3.11 or newer is needed; install it as python3" >&2
    exit 1
}
