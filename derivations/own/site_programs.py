"""Small scripts around packages, for the web server on a machine of the project."""

from derivations.kit import Recipe, data, texts
from derivations.own.fixpoint import FIXPOINT

SITE_PROGRAMS = Recipe(
    source=FIXPOINT.source,
    name="site-programs",
    description="Programs that a web server runs: repositories, and archives of mailing lists",
    licence="MIT",
    homepage="https://fixpoint.example/",
    runs=("cgit", "fossil", "git-server", "mlmmj", "python-with-store"),
    files=(
        *texts(__file__, "_lists.py", "_list_new.sh", "_list_receive.sh"),
        *texts(__file__, "_tracker_new.sh", "_site_backup.sh"),
        (
            "git-http",
            "#!/bin/sh\nexport GIT_HTTP_EXPORT_ALL=1 GIT_PROJECT_ROOT=/var/lib/git\n"
            "exec @git@/libexec/git-core/git-http-backend\n",
        ),
        ("tracker", "#!@fossil@/bin/fossil\nrepository: /var/lib/tracker/project.fossil\n"),
    ),
    build=data(
        'mkdir -p "$out/bin"',
        'ln -s "$cgit/lib/cgit/cgit.cgi" "$out/bin/cgit"',
        "for each in _lists.py _list_new.sh _list_receive.sh _tracker_new.sh _site_backup.sh"
        " git-http tracker\n"
        "do\n"
        "    name=$(echo \"$each\" | sed 's/^_//; s/[.].*//; s/_/-/')\n"
        '    sed "s|@python@|$python_with_store|; s|@mlmmj@|$mlmmj|; s|@git@|$git_server|;'
        ' s|@fossil@|$fossil|" "/build/$each" > "$out/bin/$name"\n'
        '    chmod 755 "$out/bin/$name"\n'
        "done",
        'ln -s site-backup "$out/bin/site-restore"',
        # A push is on the disk before it is said to be there.
        'mkdir -p "$out/share/site-hooks"',
        "printf '#!/bin/sh\\nexec sync\\n' > \"$out/share/site-hooks/post-receive\"",
        'chmod 755 "$out/share/site-hooks/post-receive"',
    ),
    check=(
        "export LISTS=.",
        '"$out/bin/list-new" talk@here',
        "printf 'Subject: Greeting\\nFrom: a@b\\n\\n<hello>\\n' > talk/archive/1",
        'PATH_INFO=/talk/ "$out/bin/lists" | grep ">Greeting</a>"',
        'PATH_INFO=/talk/1 "$out/bin/lists" | grep "&lt;hello&gt;"',
        'PATH_INFO=/talk/../1 "$out/bin/lists" | grep "Status: 404"',
        'REQUEST_METHOD=GET PATH_INFO=/none/HEAD "$out/bin/git-http" | grep 404',
        '"$out/bin/tracker-new" .',
        "grep . password",
    ),
    waive=(("version", "each part has the version of its package"),),
    seconds=5,
)
