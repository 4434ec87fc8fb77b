"""The clients of the project's own machine: a browser, git, curl and a program that sends mail."""

from __future__ import annotations

import os
import re
import smtplib
import subprocess
import time
from dataclasses import dataclass
from email.message import EmailMessage
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

from scripts.boot_trial import PATIENCE, Console, Failed

DOMAIN = "fixpoint.example"
SECRET = "trial"
"""Name and password of the user who may write."""


@dataclass(frozen=True)
class Site:
    """A machine that runs, as its users see it: by two ports of the host's loopback."""

    console: Console
    web: int
    mail: int

    @property
    def url(self) -> str:
        """The address of its pages."""
        return f"http://127.0.0.1:{self.web}"

    @property
    def writing(self) -> str:
        """The address of its pages for a user who may write."""
        return f"http://{SECRET}:{SECRET}@127.0.0.1:{self.web}"

    def page(self, path: str, patience: float = PATIENCE) -> str:
        """Return a page, once the machine gives it; Failed where it does not in time."""
        end = time.monotonic() + patience
        while True:
            try:
                return Browser(self).get(path)
            except (OSError, Failed) as error:
                if time.monotonic() > end:
                    raise Failed(f"{path}: {error}") from error
                time.sleep(0.2)


class Browser:
    """A client of pages that keeps cookies and fills forms."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self._referer: dict[str, str] = {}

    def get(self, path: str, form: dict[str, str] | None = None) -> str:
        """Return the text at a path, wherever that leads; Failed for an error's page."""
        data = urlencode(form).encode() if form is not None else None
        url = self._site.url + path
        try:
            with self._opener.open(Request(url, data, self._referer), timeout=PATIENCE) as answer:
                self._referer = {"Referer": url}
                return str(answer.read().decode())
        except HTTPError as error:
            raise Failed(f"{path}: {error.code} {error.reason}") from error
        except URLError as error:
            raise OSError(str(error.reason)) from error

    def submit(self, path: str, **values: str) -> str:
        """Fill the form of a page whose fields have names among ``values``, and send it."""
        page = self.get(path)
        for found in re.finditer(r"(?s)<form\b([^>]*)>(.*?)</form>", page):
            fields = dict(_fields(found[2]))
            if values.keys() - {"submit"} <= fields.keys():
                action = re.search(r"action=[\"']([^\"']*)", found[1])
                target = unescape(action[1]) if action else path
                return self.get(target, fields | values)
        raise Failed(f"{path} has no form with {', '.join(values)}")


def _fields(form: str) -> list[tuple[str, str]]:
    """Return name and value of the fields of a form that a browser sends without a click."""
    found = []
    for tag, inside in re.findall(r"(?s)<(?:input|select|textarea)\b([^>]*)>([^<]*)", form):
        words = {a: unescape(b) for a, b in re.findall(r"(\w+)=[\"']([^\"']*)[\"']", tag)}
        if "name" in words and words.get("type") not in ("submit", "checkbox", "radio"):
            found.append((words["name"], words.get("value", inside.strip())))
    return found


def command(*words: str | Path, **environment: str) -> str:
    """Return what a program on the host prints; Failed where it fails."""
    done = subprocess.run(
        words,
        env=os.environ | {"GIT_TERMINAL_PROMPT": "0"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def send(site: Site, sender: str, recipient: str, subject: str) -> None:
    """Send a mail by SMTP."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, recipient, subject
    mail["Message-ID"] = f"<{time.monotonic_ns()}@{DOMAIN}>"
    mail.set_content("Said by the trial.")
    with smtplib.SMTP("127.0.0.1", site.mail, "localhost", PATIENCE) as server:
        server.send_message(mail)
