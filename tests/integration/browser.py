"""A headless browser, driven by WebDriver over the loopback.

Chromium and its driver come from the distribution. Where they are not installed a test is skipped
with the reason; with ``$BROWSER_REQUIRED`` set, as in CI, it fails.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # W3C WebDriver, section 12
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    # Whatever the browser or the page might ask for, no name resolves.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)


@dataclass
class Browser:
    """One window of a browser."""

    port: int
    session: str = ""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """A command of the session; its value."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = None if method == "GET" else json.dumps(body or {})
        prefix = f"/session/{self.session}" if self.session else ""
        connection.request(method, prefix + path, data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        value = json.loads(answer.read())["value"]
        assert answer.status == 200, value
        return value

    def open(self, url: str) -> None:
        """Load a page, to the end."""
        self.call("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """The value that a function's body returns in the page."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector: str) -> str:
        """The first element that a CSS selector matches."""
        body = {"using": "css selector", "value": selector}
        found = self.call("POST", "/element", body)[ELEMENT]
        assert isinstance(found, str)
        return found

    def click(self, selector: str) -> None:
        """Click where a user would; fails if the element cannot be seen or is covered."""
        self.call("POST", f"/element/{self.find(selector)}/click")

    def text(self, selector: str) -> str:
        """The text of an element as it is shown."""
        text = self.call("GET", f"/element/{self.find(selector)}/text")
        assert isinstance(text, str)
        return text

    def shown(self, selector: str) -> bool:
        """Return whether an element can be seen."""
        return bool(self.call("GET", f"/element/{self.find(selector)}/displayed"))

    def devtools(self, command: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def resize(self, width: int, height: int = 800, *, mobile: bool = False) -> None:
        """Show the page on a screen of this size, in CSS pixels."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def prefer(self, scheme: str) -> None:
        """Ask pages for ``light`` or ``dark``."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def picture(self) -> bytes:
        """The whole page as a PNG."""
        taken = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(taken["data"])

    def pdf(self) -> bytes:
        """The page as printed."""
        return base64.b64decode(self.call("POST", "/print"))

    def complaints(self) -> list[str]:
        """Return the new lines of the console, violations of the page's policy too."""
        entries = self.call("POST", "/se/log", {"type": "browser"})
        return [f"{entry['level']}: {entry['message']}" for entry in entries]


@contextmanager
def opened() -> Iterator[Browser]:
    """A fresh browser with a profile of its own."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        reason = "chromium and chromedriver are not installed (Debian: chromium, chromium-driver)"
        if os.environ.get("BROWSER_REQUIRED"):
            pytest.fail(reason)
        pytest.skip(reason)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,
        _driver(driver, home) as (
            port,
            log,
        ),
    ):
        browser = Browser(port)
        _wait_for(browser, log)
        options = {
            "binary": chromium,
            "args": [*ARGUMENTS, f"--user-data-dir={home}/profile"],
        }
        capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        value = browser.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        browser.session = value["sessionId"]
        try:
            yield browser
        finally:
            with suppress(OSError, AssertionError):
                browser.call("DELETE", "")


@contextmanager
def _driver(program: str, home: str) -> Iterator[tuple[int, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = f"{home}/log"
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            [program, f"--port={port}"],
            stdout=stream,
            stderr=stream,
            env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": f"{home}/config"},
        )
    try:
        yield port, log
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(browser: Browser, log: str) -> None:
    end = time.monotonic() + 30
    while True:
        try:
            if browser.call("GET", "/status")["ready"]:
                return
        except OSError:
            if time.monotonic() > end:
                with open(log, encoding="utf-8", errors="replace") as stream:
                    pytest.fail(f"the browser's driver does not start: {stream.read()[-2000:]}")
            time.sleep(0.05)
