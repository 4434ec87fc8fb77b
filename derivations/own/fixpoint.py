"""The store itself, on a Python of its own."""

from derivations.kit import Recipe, bytecode, data, project, texts

FIXPOINT = Recipe(
    source=project("fixpoint", "0.1.0"),
    description="The store and its recipes: what builds this distribution",
    licence="MIT",
    homepage="https://fixpoint.example/",
    runs=("click", "python-with-store"),
    files=(
        (
            "store",
            "#!@python@/bin/python3 -IS\n"
            "import sys\n\n"
            "sys.path[:0] = ['@out@/lib/fixpoint', '@click@']\n"
            "from store.__main__ import run\n\n"
            "run()\n",
        ),
        *texts(__file__, "tiny_stages.txt"),
    ),
    build=data(
        'mkdir -p "$out/bin" "$out/lib/fixpoint"',
        'cp -R --no-preserve=mode . "$out/lib/fixpoint/"',
        'modules="$click/lib/python3.13/site-packages"',
        'sed "s|@python@|$python_with_store|; s|@out@|$out|; s|@click@|$modules|" /build/store'
        ' > "$out/bin/store"',
        'chmod 755 "$out/bin/store"',
        "export PYTHONHASHSEED=0",
        *bytecode("$out/lib/fixpoint/store", python="$python_with_store/bin/python3"),
    ),
    programs=("store",),
    check=(
        "export HOME=/build/home STORE_ROOT=/build/root",
        'PATH="$out/bin:$PATH"',
        'store list | grep " zlib "',
        # A store of its own: a file is fetched, unpacked, registered and verified.
        "mkdir -p tiny bootstrap-seeds/debian tree/bin",
        "cp ../tiny_stages.txt tiny/stages.py",
        "echo '{}' > bootstrap-seeds/debian/seed.json",
        "cp -L /bin/sh tree/bin/sh",
        "python=$(head -n 1 \"$out/bin/store\" | sed 's/^#!//; s/ .*//')",
        "cd tree",
        "$python -m tarfile -c ../root.tar bin",
        "cd ..",
        "sha256sum root.tar > tiny/sha256",
        "export STORE_RECIPES=/build/obj/tiny",
        'test -x "/build/root/$(store realise root)/bin/sh"',
        "store verify",
        # A builder may not make namespaces, so that no build runs within one; the error says so.
        "code=0",
        "store realise hello > said 2>&1 || code=$?",
        "cat said",
        "test $code = 40",
    ),
    waive=(("paths", "its own text names the folder of builds"),),
    seconds=20,
)
