#!@python@/bin/python3 -IS
"""Shows the archives of mailing lists as web pages, run by a web server as a CGI program.

The lists are folders in $LISTS, as mlmmj keeps them: archive/N is the mail with the number N.
"""

import email
import os
import re
import sys
from email.message import EmailMessage
from email.policy import default
from html import escape
from pathlib import Path

NEWEST = 200
"""Mails on the page of a list."""

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/site.css">
<header><nav><a class="name" href="/">Fixpoint</a><a href="/lists/">Lists</a></nav></header>
<main><h1>{title}</h1>
{body}
</main>
</html>
"""


def lists(top: Path) -> dict[str, str]:
    """Return all lists below ``top`` with their addresses."""
    found = {path.parts[-3]: path for path in sorted(top.glob("*/control/listaddress"))}
    return {name: path.read_text().strip() for name, path in found.items()}


def overview(top: Path) -> tuple[str, str]:
    """Return the title and the body of the page with all lists."""
    rows = "".join(
        f'<li><a href="/lists/{escape(name)}/">{escape(name)}</a> ({escape(address)})'
        for name, address in lists(top).items()
    )
    return "Mailing lists", f"<ul>{rows}</ul>"


def archive(folder: Path, address: str) -> tuple[str, str]:
    """Return the title and the body of a list's page: its newest mails first."""
    name, _, domain = address.partition("@")
    numbers = sorted((int(each.name) for each in folder.glob("archive/*")), reverse=True)
    rows = "".join(_row(number, _mail(folder, number)) for number in numbers[:NEWEST])
    how = f"Subscribe by a mail to {name}+subscribe@{domain}, and leave by {name}+unsubscribe."
    table = (
        f"<table><thead><tr><th>Subject<th>From<th>Date</tr></thead><tbody>{rows}</tbody></table>"
    )
    return escape(name), f"<p>{escape(how)}</p>\n{table if rows else '<p>No mail yet.</p>'}"


def mail(folder: Path, number: int) -> tuple[str, str]:
    """Return the title and the body of a mail's page."""
    found = _mail(folder, number)
    part = found.get_body(("plain",))
    text = str(part.get_content()) if part is not None else "This mail has no text."
    said = f"{escape(str(found['From']))}, {escape(str(found['Date']))}"
    return escape(str(found["Subject"])), f'<p class="soft">{said}</p><pre>{escape(text)}</pre>'


def _mail(folder: Path, number: int) -> EmailMessage:
    with (folder / "archive" / str(number)).open("rb") as stream:
        return email.message_from_binary_file(stream, _class=EmailMessage, policy=default)


def _row(number: int, found: EmailMessage) -> str:
    subject = escape(str(found["Subject"] or "(no subject)"))
    cells = f"<td>{escape(str(found['From']))}<td>{escape(str(found['Date']))}"
    return f'<tr><td><a href="{number}">{subject}</a>{cells}'


def answer(top: Path, path: str) -> tuple[int, str, str]:
    """Return status, title and body for a path such as ``/announce/3``."""
    found = re.fullmatch(r"/([a-z0-9-]+)/([0-9]{0,9})", path)
    if path in ("", "/"):
        return 200, *overview(top)
    if found and found[1] in lists(top):
        folder = top / found[1]
        if not found[2]:
            return 200, *archive(folder, lists(top)[found[1]])
        if (folder / "archive" / found[2]).is_file():
            return 200, *mail(folder, int(found[2]))
    return 404, "Not found", "<p>There is no such list or mail.</p>"


def main() -> None:
    """Answer the request that the environment describes."""
    status, title, body = answer(Path(os.environ["LISTS"]), os.environ.get("PATH_INFO", ""))
    text = _PAGE.format(title=title, body=body).encode("utf-8", "replace")
    head = f"Status: {status}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    sys.stdout.buffer.write(head.encode() + text)


if __name__ == "__main__":
    main()
