"""The project's site as files, made of its own source and of its list of packages."""

from derivations.kit import Recipe, data, project, texts
from derivations.kit.python import MODULES

SITE_PAGES = Recipe(
    source=project("site-pages", "0.1.0", docs=True),
    description="The project's site: its docs as pages, its packages, and its audit",
    licence="MIT",
    homepage="https://fixpoint.example/",
    files=texts(__file__, "_site_pages.py", "_site.css", "../ledger.tsv", missing=True),
    build=data(
        "export HOME=/build/home STORE_ROOT=/build/root PYTHONDONTWRITEBYTECODE=1",
        "store list --json > /build/packages",
        *MODULES,
        'python3 /build/_site_pages.py . /build/packages /build/ledger.tsv "$out/share/site"',
        'cp /build/_site.css "$out/share/site/site.css"',
    ),
    tools=("fixpoint", "markdown", "python"),
    check=(
        'cd "$out/share/site"',
        "grep -q '<h1.*>Fixpoint</h1>' index.html",
        "grep -q 'id=\"nginx\"' packages.html",
        "test -f docs/system.html",
    ),
    waive=(("paths", "its pages name the folder of builds"),),
    seconds=15,
)
