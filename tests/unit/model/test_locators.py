"""The parts of a locator that may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import InvalidName
from store.model.locators import check_locator, scrubbed, secrets, shown, with_lower_scheme


@pytest.mark.parametrize(
    ("locator", "expected"),
    [
        ("debian:pool/main/h/hello/hello_1.orig.tar.gz", None),
        ("pypi:hello-1.0.tar.gz", None),
        ("file:///home/me/a%20b?c", "file:///home/me/a%20b?***"),
        ("https://host/a/b.tar.gz", None),
        ("https://host/~me/@scope/b.tgz", None),
        ("https://host:8443/x@y", None),
        ("https://[::1]:80/x@y", None),
        ("https://me:secret@host/x", "https://host/x"),
        ("https://ghp_token@host/x", "https://host/x"),
        ("https://me:s%40c%2fret@host/x", "https://host/x"),
        ("https://me:se@cret@host/x@y", "https://host/x@y"),
        ("https://me:sec/ret@host/x", "https://host/x"),
        ("https://me:sec?ret@host/x", "https://host/x"),
        ("https://me:sec#ret@host/x", "https://host/x"),
        ("HTTPS://me:secret@host/x", "HTTPS://host/x"),
        ("//me:secret@host/x", "//host/x"),
        ("http:me:secret@host/x", "http:host/x"),
        ("http:/me:secret@host/x", "http:/host/x"),
        ("ftp:secret@host", "ftp:host"),
        ("pypi:me:secret@host", "pypi:host"),
        ("file:///home/a@b/x", None),
        ("https://host/x;token=secret", "https://host/x;token=***"),
        ("https://host/x;v=1;sid=secret/y;z?w#f", "https://host/x;v=1;sid=***/y;z?***#***"),
        ("https://host/a;b/x_1.0;2.tgz", None),
        ("https://host/x?token=secret", "https://host/x?token=***"),
        ("https://host/x?ACCESS_TOKEN=secret&v=1", "https://host/x?ACCESS_TOKEN=***&v=1"),
        ("https://host/x?h=v1.2;key=secret", "https://host/x?h=v1.2;key=***"),
        (
            "https://host/x?X-Amz-Signature=abc&X-Amz-Credential=def&X-Amz-Date=1",
            "https://host/x?X-Amz-Signature=***&X-Amz-Credential=***&X-Amz-Date=***",
        ),
        ("https://host/x?sv=1&sig=a%2Bb", "https://host/x?sv=***&sig=***"),
        ("https://host/x?secretword", "https://host/x?***"),
        ("https://host/x?download", None),
        ("https://host/x#sha256=0123", None),
        ("https://host/x#access_token=secret", "https://host/x#access_token=***"),
        ("https://host/x?file=a#token=secret", "https://host/x?file=a#token=***"),
    ],
)
def test_secrets_are_left_out_and_nothing_else(locator: str, expected: str | None) -> None:
    assert shown(locator) == (expected or locator)


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_showing_again_changes_nothing(text: str) -> None:
    for locator in (text, f"https://{text}", f"https://host/x?{text}"):
        assert shown(shown(locator)) == shown(locator)


WORD = st.text("abcXYZ019-._~!$'()*,", min_size=4, max_size=20)


@given(WORD.map(lambda word: f"5ecret{word}"), st.sampled_from(["u:{}@h/", "{}@h/", "h/?key={}"]))
def test_no_secret_is_shown_or_left_in_a_message(secret: str, form: str) -> None:
    locator = "https://" + form.format(secret)
    assert secret not in shown(locator)
    assert secret in secrets(locator)
    assert secret not in scrubbed(f"404 no {secret} here", locator)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Host/Path", "http://Host/Path"),
        ("Grpc+UNIX:/Run", "grpc+unix:/Run"),
        ("http://h/HTTP:", "http://h/HTTP:"),
        *((text, text) for text in ("", "A", ":A", "/A:B", "./A:B", "1A:B", "A B:C")),
    ],
)
def test_only_a_scheme_gets_small_letters(url: str, expected: str) -> None:
    assert with_lower_scheme(url) == expected


def test_a_url_may_have_its_scheme_in_capitals() -> None:
    for url in ("HTTP://host/x", "Https://host/x", "FILE:///x"):
        check_locator(url)
    for url in ("HTTP:/x", "FTP://host/x", "File://host/x"):
        with pytest.raises(InvalidName):
            check_locator(url)
