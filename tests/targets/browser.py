"""Chromium without a window, driven through chromedriver by the WebDriver protocol."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

DRIVER = shutil.which("chromedriver")
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
_SECONDS = 60
"""The time that the driver gets to start, and a command to end."""


@dataclass
class Browser:
    """A session of a browser."""

    session: str

    def _send(self, method: str, path: str, **arguments: object) -> Any:
        body = None if method == "GET" else json.dumps(arguments).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.session}{path}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            return json.load(answer)["value"]

    def open(self, page: Path) -> None:
        """Loads a file."""
        self.go(page.resolve().as_uri())

    def go(self, address: str) -> None:
        """Loads a page."""
        self._send("POST", "/url", url=address)

    def wait(self, script: str) -> None:
        """Waits until a function body in the page returns a true value."""
        started = time.monotonic()
        while not self.run(script):
            assert time.monotonic() - started < _SECONDS, script
            time.sleep(0.02)

    def resize(self, width: int, height: int) -> None:
        """Sets the size of the page in CSS pixels, also below the smallest size of a window."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", **metrics)

    def devtools(self, command: str, **parameters: object) -> Any:
        """Runs a command of the DevTools protocol."""
        return self._send("POST", "/goog/cdp/execute", cmd=command, params=parameters)

    def run(self, script: str, *arguments: object) -> Any:
        """The result of a function body in the page; ``arguments[0]`` is its first argument."""
        return self._send("POST", "/execute/sync", script=script, args=list(arguments))

    def click(self, selector: str) -> None:
        """Clicks on an element with the mouse."""
        (key,) = (found := self._send("POST", "/element", using="css selector", value=selector))
        self._send("POST", f"/element/{found[key]}/click")

    def type(self, selector: str, text: str) -> None:
        """Types into an element; ``\ue007`` is Enter."""
        (key,) = (found := self._send("POST", "/element", using="css selector", value=selector))
        self._send("POST", f"/element/{found[key]}/value", text=text)

    def enter(self, selector: str) -> None:
        """Makes a frame the page that the other methods work on, until another page is loaded."""
        found = self._send("POST", "/element", using="css selector", value=selector)
        self._send("POST", "/frame", id=found)

    def messages(self) -> list[str]:
        """The messages of the console since the last call: errors and warnings."""
        return [entry["message"] for entry in self._send("POST", "/se/log", type="browser")]

    def picture(self, path: Path) -> Path:
        """Writes a screenshot as PNG."""
        path.write_bytes(base64.b64decode(self._send("GET", "/screenshot")))
        return path


@contextlib.contextmanager
def chromium(driver: str, profile: Path) -> Iterator[Browser]:
    """Starts chromedriver, and a browser with an empty ``profile``."""
    process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        started = time.monotonic()
        for line in process.stdout:
            if "on port " in line and "successfully" in line:
                break
            assert time.monotonic() - started < _SECONDS, line
        server = f"http://127.0.0.1:{line.rsplit('port ', 1)[1].strip().rstrip('.')}"
        options = {
            "goog:chromeOptions": {"args": [*_OPTIONS, f"--user-data-dir={profile}"]},
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        made = Browser(server)._send("POST", "/session", capabilities={"alwaysMatch": options})
        browser = Browser(f"{server}/session/{made['sessionId']}")
        try:
            yield browser
        finally:
            with contextlib.suppress(urllib.error.URLError):
                browser._send("DELETE", "")
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serves the files of a folder. Yields its address."""
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
