"""Takes the pictures of the documents: pages of this project, as a browser shows them.

    python docs/screenshots.py PAGE.html docs/images/report
    python docs/screenshots.py dashboard docs/images/dashboard [FOLDER IN WHICH A DEMO ENDED]

The second goes through the demo and the weeks after it (``examples/demo.py``, ``examples/weeks.py``), which takes about
ten minutes, looks at the dashboard of them, and acknowledges an alert there. Needs Chromium and its driver (Debian:
chromium, chromium-driver) and the extra ``dev``.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SIZES = {"phone": (390, 1600), "wide": (1400, 1100)}
STRIP = {"strip": (1400, 540)}
DASHBOARD = {  # by what there is to be seen: what it is called, the size, dark, and from which element on
    "drift": (
        ("wide-light", "wide", False, ""),
        ("wide-dark", "wide", True, ""),
        ("drift", "wide", False, "#drift"),
        ("phone-light", "phone", False, ""),
        ("phone-dark", "phone", True, "#drift"),
    ),
    "acknowledged": (("alerts", "wide", False, ""),),
    "shadow": (("rollout", "wide", False, ""),),
    "rollback": (("quality", "wide", False, "#quality"), ("releases", "strip", False, "#releases")),
}
KEPT = 16  # seconds; for fifteen the dashboard keeps its figures
WHO, NOTE = "Ann Weber", "newsletters that people subscribed to; a release that knows them is on its way"
QUIET = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
)  # fmt: skip


@contextmanager
def browser(width: int, height: int, *, dark: bool = False) -> Iterator[Any]:
    """Give Chromium with a window of this size, in light or dark."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in QUIET:
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = Chrome(options=options, service=ChromeService("/usr/bin/chromedriver"))
    try:
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": scheme})
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        yield driver
    finally:
        driver.quit()


def take(address: str, width: int, height: int, *, dark: bool = False, whole: bool = False, place: str = "") -> bytes:
    """Take a picture of a page: of its first screen, or of the whole, or from an element on."""
    import base64

    with browser(width, height, dark=dark) as driver:
        driver.get(address)
        driver.execute_script("for (const one of document.querySelectorAll('#drift details.column')) one.open = true")
        top = driver.execute_script("return document.querySelector(arguments[0]).offsetTop", place) if place else 0
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        more = {"captureBeyondViewport": whole or bool(place)} | ({} if whole else {"clip": clip})
        found = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", **more})
        return base64.b64decode(found["data"])


def keep(picture: bytes, path: Path) -> None:
    """Keep a picture with few colours, so that it stays small."""
    import io

    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(128).save(path, optimize=True)
    sys.stdout.write(f"{path}: {path.stat().st_size // 1024} kB\n")


def of_page(page: Path, target: Path) -> None:
    """Take the pictures of a page, light and dark, on a phone and wide."""
    for name, (width, height) in SIZES.items():
        for dark in (False, True):
            picture = take(page.resolve().as_uri(), width, height, dark=dark)
            keep(picture, target.with_name(f"{target.name}-{name}-{'dark' if dark else 'light'}.png"))


def of_dashboard(target: Path, folder: Path | None) -> None:
    """Take the pictures of the dashboard, from the demo (or its end) to the end of the weeks after it."""
    import tempfile

    root = Path(__file__).resolve().parents[1]
    sys.path.append(str(root / "examples"))
    from demo import Demo
    from weeks import Weeks

    def look(moment: str, address: str) -> None:
        if moment == "alert":
            acknowledge(address)
        time.sleep(KEPT)
        for name, size, dark, place in DASHBOARD.get(moment, ()):
            page = address.partition("#")[0]  # from the top
            keep(
                take(page, *(SIZES | STRIP)[size], dark=dark, place=place),
                target.with_name(f"{target.name}-{name}.png"),
            )

    cache = root / ".dvc/cache"
    os.environ["LOGNAME"] = "anna"  # who did what stands on the page
    with tempfile.TemporaryDirectory() as place:
        if folder is None:
            folder = Path(place) / "mails"
            Demo(folder, cache).run()
        Weeks(folder, cache, look).run()


def acknowledge(address: str) -> None:
    """Say on the page, as a person would, that the alert has been seen that a message has led to."""
    with browser(*SIZES["wide"]) as driver:
        driver.get(address)
        alert = driver.find_element("id", address.partition("#")[2])
        form = alert.find_element("css selector", "details.act")
        if not form.get_attribute("open"):
            form.find_element("css selector", "summary").click()
        for name, said in (("who", WHO), ("note", NOTE)):
            alert.find_element("name", name).send_keys(said)
        alert.find_element("css selector", "form button").click()
        said = driver.find_element("css selector", "[role=status]").text
        sys.stdout.write(f"{said}\n")


def main() -> None:
    """Take the pictures that are asked for."""
    what, target = sys.argv[1], Path(sys.argv[2])
    if what == "dashboard":
        of_dashboard(target, Path(sys.argv[3]).resolve() if len(sys.argv) > 3 else None)
    else:
        of_page(Path(what), target)


if __name__ == "__main__":
    main()
