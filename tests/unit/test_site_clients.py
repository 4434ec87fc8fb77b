"""The browser of the site's trial: it fills the forms of a page as a person does."""

from __future__ import annotations

from typing import cast

import pytest

from scripts.boot_trial import Console, Failed
from scripts.site_clients import Browser, Site
from scripts.site_trial import bound

PAGE = """
<form action="/search"><input name="q" value="x"><input type="submit" name="go"></form>
<form method="POST" action='/login?a=1&amp;b=2' >
<input type="hidden" name="token" value="1&lt;2"><input type="text" id="u" name="u" value="">
<select name="kind" size="1"><option value="a">A</option></select>
<textarea name="words" rows="2">two
lines</textarea>
<input type="submit" name="in" value="Log in"><input type="checkbox" name="keep" value="1">
</form>
"""


class Recorded(Browser):
    """A browser of one page, which keeps all that it sends."""

    def __init__(self) -> None:
        super().__init__(Site(cast(Console, None), 80, 25))
        self.sent: list[tuple[str, dict[str, str] | None]] = []

    def get(self, path: str, form: dict[str, str] | None = None) -> str:
        self.sent.append((path, form))
        return PAGE


def test_the_form_with_the_wanted_fields_is_sent_with_all_of_them() -> None:
    browser = Recorded()
    browser.submit("/page", u="ada", submit="Log in")
    assert browser.sent[1] == (
        "/login?a=1&b=2",
        {"token": "1<2", "u": "ada", "kind": "", "words": "two\nlines", "submit": "Log in"},
    )


def test_a_page_without_such_a_form_fails() -> None:
    with pytest.raises(Failed, match="/page has no form with password"):
        Recorded().submit("/page", password="x")


def test_sizes_have_to_be_within_their_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    bound("s to the first page", 99)
    assert "TOO MUCH" in capsys.readouterr().out
    with pytest.raises(Failed, match="161"):
        bound("MiB of image", 161)
