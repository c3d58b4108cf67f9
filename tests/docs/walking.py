"""Walks through a page as its reader would: writes its files, makes its edits, runs its commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from background import Service
from pages import ROOT, Block, blocks, shows

BIN = Path(sys.executable).parent


def environment() -> dict[str, str]:
    """Give the environment of a reader who has activated Steadily's, and told git who he is."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "STEADILY_", "GIT_"))}
    name = {f"GIT_{role}_{what}": "reader@example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return {**kept, **name, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1", "COLUMNS": "110"}


def run(command: str, folder: Path) -> tuple[int, str]:
    """Run a command in bash, and give its exit code and all that it printed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command],
        cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def walk(page: Path, folder: Path) -> None:
    """Walk through a page in a folder; a service that it starts ends with it."""
    walker = Walker(folder)
    try:
        for block in blocks(page):
            walker.take(block)
    finally:
        walker.stop()


class Walker:
    """Where a reader of a page stands: the folder, what was printed last, the service that runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.printed = folder, ""
        self.service: Service | None = None

    def stop(self) -> None:
        """End the service."""
        service, self.service = self.service, None
        if service is not None:
            service.stop()

    def take(self, block: Block) -> None:
        """Do what a block says."""
        if block.kind in ("run", "run instead"):
            self.printed = self.told(run_block(block, self.folder, self.meant))
        elif block.kind == "serve":
            self.stop()
            self.service = Service.start(block.text, self.folder, environment(), str(block))
            self.printed = self.told(self.service.printed())
        elif block.kind == "output":
            assert shows(block.text, self.printed), f"{block}: this was printed instead:\n{self.printed}"
        elif block.kind == "file":
            path = self.folder / block.argument
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.meant(block.text), encoding="utf-8")
        elif block.kind == "edit":
            edit(block, self.folder / block.argument)

    def meant(self, text: str) -> str:
        """Give a text with the running service's address in place of the one that the page names."""
        return text if self.service is None else text.replace(self.service.NAMED, self.service.address)

    def told(self, text: str) -> str:
        """Give a text with the address that the page names in place of the running service's."""
        return text if self.service is None else text.replace(self.service.address, self.service.NAMED)


def run_block(block: Block, folder: Path, meant: Callable[[str], str]) -> str:
    """Run a block's commands, and give what they printed."""
    command = block.argument if block.kind == "run instead" else block.text
    code, printed = run(meant(command), folder)
    fails = block.kind == "run" and block.argument == "fails"
    assert (code != 0) == fails, f"{block}: exit code {code}:\n{printed}"
    assert "Traceback" not in printed, f"{block}:\n{printed}"
    return printed


def edit(block: Block, path: Path) -> None:
    """Replace a block's - lines by its + lines, in a file that has them once."""
    lines = block.text.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in "- ")
    new = "".join(line[1:] for line in lines if line[0] in "+ ")
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{block}: {path} has these lines {text.count(old)} times:\n{old}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def copy_of_repository(folder: Path) -> Path:
    """Copy what git tracks of this repository, as a clone would have it."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    code, printed = run("git init -q && git add -A && git commit -qm begin", folder)
    assert code == 0, printed
    return folder
