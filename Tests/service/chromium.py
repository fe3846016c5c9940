"""Debian's Chromium, driven by its chromedriver over WebDriver (w3.org/TR/webdriver2)."""

import base64
import importlib.util
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

KEY_TAB, KEY_ENTER, KEY_SPACE = "\ue004", "\ue007", " "
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--disable-background-networking", "--force-device-scale-factor=1"]


def axe():
    """axe-core's source, as PyPI's package has it."""
    package = importlib.util.find_spec("axe_playwright_python")
    assert package, "install it: pip install --no-deps axe-playwright-python==0.1.8"
    return (Path(package.origin).parent / "axe.min.js").read_text()


class Chromium:
    def __init__(self):
        program = shutil.which("chromedriver")
        assert program, "install it: apt-get install chromium chromium-driver"
        self.process = subprocess.Popen([program, "--port=0"], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if found := re.search(r"on port (\d+)\.", line):
                break
        self.base = f"http://127.0.0.1:{found[1]}"
        options = {"args": ARGUMENTS}
        answer = self.command("POST", "/session", {
            "capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.base += f"/session/{answer['sessionId']}"

    def command(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + path, json.dumps(body or {}).encode() if method == "POST" else None,
            {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["value"]

    def close(self):
        self.command("DELETE", "")
        self.process.terminate()
        self.process.wait(10)

    def get(self, url):
        self.command("POST", "/url", {"url": url})

    @property
    def url(self):
        return self.command("GET", "/url")

    def run(self, script, *arguments):
        return self.command("POST", "/execute/sync", {"script": script, "args": arguments})

    def run_async(self, script, *arguments):
        return self.command("POST", "/execute/async", {"script": script, "args": arguments})

    def devtools(self, command, **parameters):
        return self.command("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def look(self, width, is_dark=False, height=900):
        """From now on as on such a screen."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=width < 500)
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}])

    def press(self, *keys):
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.command("POST", "/actions", {
            "actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def type(self, text):
        self.press(*text)

    def focused(self):
        """What has the focus: its words, else its name."""
        return self.run("const e = document.activeElement;"
                        "return e.innerText?.trim().slice(0, 40) || e.name || e.tagName")

    def tab_to(self, name):
        """Presses Tab until what begins so has the focus."""
        met = []
        for _ in range(60):
            self.press(KEY_TAB)
            met.append(self.focused())
            if met[-1].startswith(name):
                return
        raise AssertionError(f"no Tab leads to {name}: {met}")

    def wait_for(self, part):
        """Until the address has this part."""
        for _ in range(200):
            if part in self.url and self.run("return document.readyState") == "complete":
                return
            self.run_async("setTimeout(arguments[0], 25)")
        raise AssertionError(f"{self.url} has no {part}")

    def press_to(self, key, part):
        """Presses a key that leads to another page, whose address has this part, even if this one's
        has it, too."""
        self.run("document.documentElement.dataset.left = ''")
        self.press(key)
        for _ in range(400):
            try:
                is_new = self.run("return document.readyState === 'complete' "
                                  "&& !('left' in document.documentElement.dataset)")
                if is_new and part in self.url:
                    return
                self.run_async("setTimeout(arguments[0], 25)")
            except urllib.error.HTTPError:
                pass  # The page was left in the midst of the question.
        raise AssertionError(f"{self.url} has no {part}, or is the same page still")

    def violations(self, source):
        """What axe finds on the page: rule, and where."""
        self.run(source)
        return self.run_async(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']}).then("
            "r => done(r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 200))])))")

    def picture(self, path, most=None):
        """Of the whole page, or of so many pixels from the top."""
        size = self.devtools("Page.getLayoutMetrics")["cssContentSize"]
        height = min(size["height"], most or size["height"])
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1}
        data = self.devtools("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        Path(path).write_bytes(base64.b64decode(data))
