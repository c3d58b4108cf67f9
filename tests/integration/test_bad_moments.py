"""Bad moments: a disk that fills up, hands that edit under a running stage, a second run beside the first."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from project import BIN, SHOP, Done, Project
from refusing import left_overs, refused_at, some, state

from steadily.datasets import read_dataset

PATIENCE = 60
WAIT = """\
    import time
    from pathlib import Path
    Path("reached").touch()
    while not Path("go").exists():
        time.sleep(0.02)
"""
SLOW = '''

@step("shop.slow")
class Slow:
    """Read a file, slowly."""

    def __init__(self, *, path: str) -> None:
        self.path = path

    def version(self) -> str:
        return Path(self.path).read_text(encoding="utf-8")[-200:]

    def read(self, rows: int):
        frame = pd.read_csv(self.path)
        Path("reached").touch()
        while not Path("go").exists():
            time.sleep(0.02)
        yield "orders", frame
'''


@contextmanager
def waiting(project: Project, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command up to the moment where a step of the project waits; leaving the block lets it go on."""
    process = subprocess.Popen(
        command, cwd=project.folder, env=project.env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        await_file(project.path("reached"), process)
        yield process
    finally:
        project.path("go").touch()
        if process.poll() is None and sys.exc_info()[0] is not None:
            process.kill()


def await_file(path: Path, process: subprocess.Popen[str]) -> None:
    """Wait until a file is there."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < end
        time.sleep(0.02)


def ended(process: subprocess.Popen[str]) -> Done:
    """Wait for a command's end."""
    out, _ = process.communicate(timeout=PATIENCE * 2)
    return Done(process.returncode, out, "")


def slow_down(project: Project) -> None:
    """Make the step of stage clean wait."""
    project.edit("plugins/shop.py", "    return frame", f"{WAIT}    return frame")


PARTS = "data/valid/*.parquet"


EDITED = ("params.yaml", "versions.yaml", "data/valid/dataset.json", PARTS)


@pytest.mark.parametrize("edited", some(EDITED, "params.yaml", PARTS))
def test_an_edit_under_a_running_stage_is_refused_and_not_recorded(finished: Project, edited: str) -> None:
    slow_down(finished)
    before = state(finished, "clean"), state(finished, "train")
    path = next(finished.folder.glob(edited))
    with waiting(finished, "dvc", "repro") as process:
        path.write_bytes(path.read_bytes() + b"\n")
    done = ended(process)
    assert done.code != 0
    assert "Traceback" not in done.out
    named = path.name if edited.endswith(".yaml") else "data/valid"
    assert f"{named} changed while the stage was" in done.out.replace(f"{named}: changed", f"{named} changed"), done.out
    assert "run dvc repro again" in done.out
    assert (state(finished, "clean"), state(finished, "train")) == before
    assert left_overs(finished) == []
    assert finished.repro("clean") == ["compose", "clean"]


def test_an_edit_under_a_running_source_is_refused_and_not_recorded(finished: Project) -> None:
    one = "data/inbox/one.csv"
    finished.write(
        "plugins/shop.py", SHOP.replace("import pandas", "import time\nfrom pathlib import Path\nimport pandas") + SLOW
    )
    finished.edit("conf/config.yaml", 'use: files.csv, path: "data/inbox/*.csv"', f"use: shop.slow, path: {one}")
    before = state(finished, "ingest"), state(finished, "train")
    with waiting(finished, "dvc", "repro") as process:
        finished.write(one, finished.path(one).read_text(encoding="utf-8").replace("\n199,", "\n1990,"))
    done = ended(process)
    assert done.code != 0
    assert "stage ingest: the source changed while the stage was running" in done.out
    assert (state(finished, "ingest"), state(finished, "train")) == before
    assert left_overs(finished) == []
    assert finished.repro("ingest") == ["compose", "ingest"]


def test_an_edit_of_conf_or_code_under_a_run_waits_for_the_next(finished: Project) -> None:
    slow_down(finished)
    with waiting(finished, "dvc", "repro", "clean") as process:
        finished.edit("conf/config.yaml", 'mark: "!"', 'mark: "?"')
        finished.edit("plugins/shop_words.py", "str.upper()", "str.lower()")
    done = ended(process)
    assert done.code == 0, done.out
    assert set(read_dataset("clean", finished.folder)["city"]) == {"ULM!", "KÖLN!", "BONN!", "GERA!"}
    planned = finished.ok("steadily", "plan")
    assert "clean will run: shout.mark '!' → '?'; shop.shout changed (plugins/shop_words.py)" in planned
    assert finished.repro("clean") == ["compose", "clean"]
    assert set(read_dataset("clean", finished.folder)["city"]) == {"ulm?", "köln?", "bonn?", "gera?"}


def test_a_second_run_beside_the_first_is_refused_and_changes_nothing(finished: Project) -> None:
    slow_down(finished)
    with waiting(finished, "dvc", "repro", "clean") as process:
        versions = finished.path("versions.yaml").read_bytes()
        text = finished.refused("dvc", "repro")
        assert "another dvc repro is at work here" in text or "is busy" in text, text
        assert "another dvc repro is at work here" in finished.refused("steadily", "compose")
        assert "now in stage clean" in finished.refused("steadily", "restore")
        assert finished.path("versions.yaml").read_bytes() == versions
        assert "running: clean" in finished.ok("steadily", "log")
        finished.ok("steadily", "plan")
        finished.ok("steadily", "check")
    done = ended(process)
    assert done.code == 0, done.out
    assert finished.repro("clean") == ["compose"]
    assert "complete: " in finished.ok("steadily", "log", "--all")


WRAPPER = """\
#!/bin/bash
if [ "$1 $2" = "run {stage}" ]; then ulimit -f {blocks}; fi
exec "{python}" -m steadily.cli "$@"
"""


BLOCKS = {"ingest": 4, "clean": 4, "prepare": 0, "train": 1}


@pytest.mark.parametrize("stage", some(BLOCKS, "clean"))
def test_a_stage_that_may_write_no_more_is_refused(finished: Project, tmp_path: Path, stage: str) -> None:
    finished.edit("data/inbox/one.csv", "\n199,Gera,", "\n1990,Gera,")
    wrapper = tmp_path / "bin" / "steadily"
    wrapper.parent.mkdir()
    wrapper.write_text(WRAPPER.format(stage=stage, blocks=BLOCKS[stage], python=sys.executable), encoding="utf-8")
    wrapper.chmod(0o755)
    finished.environment["PATH"] = f"{wrapper.parent}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"
    refused_at(finished, stage, "File too large", gone=True)
    del finished.environment["PATH"]
    assert finished.repro(stage) == ["compose", stage]


@pytest.fixture
def small_disk(finished: Project) -> Iterator[Path]:
    """Put the project's data on a disk of its own, of a megabyte."""
    data, aside = finished.path("data"), finished.path("aside")
    data.rename(aside)
    data.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(data)]
    if os.geteuid() != 0 or shutil.which("mount") is None or subprocess.run(mounted, check=False).returncode:
        pytest.skip("mounting needs rights")
    try:
        shutil.copytree(aside, data, dirs_exist_ok=True)
        shutil.rmtree(aside)
        yield data
    finally:
        subprocess.run(["umount", "-l", str(data)], check=True)


def test_a_disk_that_fills_up_is_told_and_the_run_goes_on_when_there_is_room(
    finished: Project, small_disk: Path
) -> None:
    noise = hashlib.shake_256(b"").hexdigest(10_000)  # what does not compress
    finished.edit("conf/config.yaml", 'mark: "!"', f'mark: "{noise}"')
    filler = small_disk / "inbox" / "filler.bin"
    filler.write_bytes(b"x" * shutil.disk_usage(small_disk).free)
    said = refused_at(finished, "clean", "No space left on device")
    assert said.startswith("data/.clean") or "stage clean" in said
    filler.unlink()
    assert finished.repro("clean") == ["compose", "clean"]


def test_a_folder_that_may_not_be_written_is_told(finished: Project) -> None:
    if os.geteuid() == 0:
        shutil.rmtree(finished.path("data/clean"))
        shutil.rmtree(finished.path("reports"))
        finished.write("reports", "a file where a folder has to be")
        finished.edit("conf/config.yaml", 'mark: "!"', 'mark: "?"')
        assert "reports" in finished.refused("dvc", "repro")
        return
    finished.edit("conf/config.yaml", 'mark: "!"', 'mark: "?"')
    finished.path("data").chmod(0o555)
    try:
        assert "Permission denied" in finished.refused("dvc", "repro")
    finally:
        finished.path("data").chmod(0o755)
    assert finished.repro("clean") == ["compose", "clean"]
