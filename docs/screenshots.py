"""Takes the pictures of the documents: pages of this project, as a browser shows them.

    python docs/screenshots.py PAGE.html docs/images/report

Needs Chromium and its driver (Debian: chromium, chromium-driver) and the extra ``dev``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SIZES = {"phone": (390, 1600), "wide": (1400, 1100)}
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


def take(page: Path, width: int, height: int, *, dark: bool = False, whole: bool = False) -> bytes:
    """Take a picture of a page: of its first screen, or of the whole."""
    import base64

    with browser(width, height, dark=dark) as driver:
        driver.get(page.resolve().as_uri())
        found = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole})
        return base64.b64decode(found["data"])


def main() -> None:
    """Take the pictures of a page, light and dark, on a phone and wide, with few colours so that they stay small."""
    import io

    from PIL import Image

    page, target = Path(sys.argv[1]), Path(sys.argv[2])
    target.parent.mkdir(parents=True, exist_ok=True)
    for name, (width, height) in SIZES.items():
        for dark in (False, True):
            picture = Image.open(io.BytesIO(take(page, width, height, dark=dark))).convert("RGB")
            path = target.with_name(f"{target.name}-{name}-{'dark' if dark else 'light'}.png")
            picture.quantize(64).save(path, optimize=True)
            sys.stdout.write(f"{path}: {path.stat().st_size // 1024} kB\n")


if __name__ == "__main__":
    main()
