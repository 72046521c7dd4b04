"""A server of its own, and Chromium before it, for scripts that look at the board.

chromium and chromedriver have to be installed.
"""

import base64
import contextlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))


@contextlib.contextmanager
def serving():
    """The server that was built last, on an empty database: its address, the database's path and the process."""
    with tempfile.TemporaryDirectory() as folder:
        database = f"{folder}/board.db"
        environment = {**os.environ, "DATABASE_PATH": database, "WEBSOCKET_PORT": "0", "RUST_LOG": "info,access=off", "NO_COLOR": "1"}
        server = subprocess.Popen([TARGET / "release/orchestrator", "--manifest", ROOT / "spin.toml", "serve"],
                                  env=environment, stderr=subprocess.PIPE, text=True, cwd=folder)
        try:
            address = wait_for(server.stderr, r"serving (http://\S+)")
            urllib.request.urlopen(f"{address}/health").read()
            yield address, database, server
        finally:
            server.terminate()
            server.wait()


class Browser:
    """Chromium by the WebDriver protocol."""

    def __init__(self, width, height, dark):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        port = wait_for(self.driver.stdout, r"started successfully on port (\d+)")
        self.url = f"http://127.0.0.1:{port}/session"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options = {"browserName": "chrome", "goog:chromeOptions": {"args": arguments}}
        self.url += "/" + self.call("", {"capabilities": {"alwaysMatch": options}})["sessionId"]
        self.width = width
        self.resize(height)
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[theme])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        urllib.request.urlopen(urllib.request.Request(self.url, method="DELETE")).read()
        self.driver.terminate()

    def call(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request))["value"]

    def devtools(self, command, **parameters):
        return self.call("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def resize(self, height):
        self.devtools("Emulation.setDeviceMetricsOverride", width=self.width, height=height, deviceScaleFactor=1, mobile=False)

    def run(self, script):
        return self.call("/execute/sync", {"script": script, "args": []})

    def until(self, expression):
        for _ in range(600):
            if self.run(f"return {expression}"):
                return
            time.sleep(0.05)
        raise SystemExit(f"never: {expression}")

    def show(self, address, view, clicks):
        self.call("/url", {"url": "about:blank"})
        self.call("/url", {"url": address + view})
        if view.startswith("/dashboard"):
            self.until("document.getElementById('badge').dataset.state === 'live'")
        elif view.startswith("/docs"):
            self.until("document.querySelector('.opblock')")
        elif view.startswith("/redoc"):
            self.until("document.querySelector('#redoc h2')")
        for selector in clicks:
            script = f"document.querySelector({json.dumps(selector)})"
            self.until(script)
            self.run(f"{script}.click()")
        self.until("!document.querySelector('main').innerText.includes('Loading')")
        # A list of agents, the counts of them and the names of their definitions come one after the other.
        self.until("!document.querySelector('main').innerText.includes('Unnamed')")
        self.until("[...document.querySelectorAll('.column:not(.none)')].every((column) => column.querySelector('.card'))")
        self.until("!document.querySelector('.question:not(:has(.about:not(:empty)))')")
        # The pictures of the cards' last move are over.
        self.until("document.getAnimations().length === 0")

    def picture(self, part="html"):
        """What is in the window of the part."""
        script = f"const {{x, y, width, height}} = document.querySelector('{part}').getBoundingClientRect();"
        x, y, width, height = self.run(f"{script} return [x, y, width, Math.min(height, innerHeight)]")
        clip = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
        return base64.b64decode(self.devtools("Page.captureScreenshot", format="png", clip=clip)["data"])


def wait_for(lines, pattern):
    for line in lines:
        if found := re.search(pattern, line):
            return found[1]
    raise SystemExit(f"never said: {pattern}")
