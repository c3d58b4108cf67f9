"""The command line, in this process."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from steadily import process
from steadily.catalog import Catalog
from steadily.cli import main
from steadily.commands import mending, running
from steadily.datasets import read_dataset
from steadily.errors import RunError
from steadily.journal import Owner, open_run, runs
from steadily.logs import JsonLines
from steadily.stage.run import run_stage, tell
from unit.small import Small, forget_own_plugins

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep this process as it is: alive when its parent ends, with its own logging and environment."""
    monkeypatch.setattr(running, "die_with_parent", lambda: None)
    monkeypatch.setattr("steadily.process.die_with_parent", lambda: None)
    monkeypatch.setattr(running, "compute_alike", lambda: None)
    monkeypatch.setattr("steadily.process.compute_alike", lambda: None)
    logger = logging.getLogger("steadily")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def said(capture: Capture, *words: str, code: int = 0) -> str:
    """Run a command and give what it printed; a refusal has no traceback."""
    forget_own_plugins()
    capture.readouterr()
    assert main(list(words)) == code
    found = capture.readouterr()
    text = found.err if code else found.out
    assert "Traceback" not in text
    return text


def test_a_day_at_the_command_line(small: Small, capsys: Capture) -> None:
    assert said(capsys, "log") == "no run is on record yet: dvc repro makes the first\n"
    small.short("{fill: {use: rows.impute, columns: [x], strategy: median}}")
    assert said(capsys, "check") == "all well: 3 stages, 2 steps\n"
    assert said(capsys, "plan").startswith(
        "note: dvc.yaml is not there yet: `steadily compose` writes it\ningest will run: it has not run yet\n"
    )
    assert json.loads(said(capsys, "plan", "--json"))["reasons"]["work"] == ["it has not run yet"]
    said(capsys, "compose")
    for stage in ("ingest", "validate"):
        said(capsys, "run", stage)
    assert said(capsys, "run", "work").startswith("work: 4 rows in, 4 out, 1 imputed, in ")
    assert said(capsys, "adopt") == "nothing to adopt: params.yaml is what conf/ comes to\n"
    log = said(capsys, "log")
    assert "4 rows in, 4 out, 1 imputed" in log
    assert log.endswith("complete: 1 stage ran\n")
    assert len(said(capsys, "log", "--all").splitlines()) == len(runs(Path())) == 4
    assert "steadily compose" in said(capsys, "log", runs(Path())[0].name[:22])
    row = str(read_dataset("done").index[1])
    assert "imputed x (missing) → 3.5" in said(capsys, "why", row)
    small.edit("conf/config.yaml", "median", "mean")
    small.write("dvc.lock", "")
    assert "work will run" in said(capsys, "--project", ".", "plan")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["log", "20990101"], "steadily log: no such run; given: 20990101; `steadily log --all` lists them"),
        (["why", "x"], "steadily why: a row id is a whole number of 64 bits; given: x"),
        (["why", "--", "--5"], "a row id is a whole number of 64 bits; given: --5"),
        (["why", "99999999999999999999"], "a row id is a whole number of 64 bits"),
        (["why", "-5"], "no dataset and no ledger of this project has such a row; given: -5"),
        (["why", "٣"], "a row id is a whole number"),
        (["steps", "rows.impuet"], "did you mean 'rows.impute'?"),
        (["run", "nothing"], "no such stage; allowed: ingest, validate, work"),
        (["--project", "no/such/place", "plan"], "no/such/place: No such file or directory"),
    ],
)
def test_what_is_refused(small: Small, capsys: Capture, words: list[str], text: str) -> None:
    small.short().compose()
    assert text in said(capsys, *words, code=1)


def test_words_that_are_none(capsys: Capture) -> None:
    for words in ([], ["paln"], ["run"], ["why"]):
        with pytest.raises(SystemExit) as caught:
            main(words)
        assert caught.value.code == 2
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    capsys.readouterr()


def test_steps_are_listed_and_shown(small: Small, capsys: Capture) -> None:
    listed = said(capsys, "steps")
    assert "rows.drop_missing  columns" in listed
    shown = said(capsys, "steps", "rows.impute")
    assert shown.startswith("rows.impute  (learned step of steadily ")
    assert json.loads(said(capsys, "steps", "rows.impute", "--json"))["properties"]["columns"]
    assert set(json.loads(said(capsys, "steps", "--json"))) == set(Catalog(Path()).steps)


def test_an_empty_folder_is_no_project(small: Small, capsys: Capture) -> None:
    for command in ("check", "plan", "compose"):
        assert "conf" in said(capsys, command, code=1)
    assert "params.yaml or versions.yaml is missing" in said(capsys, "run", "work", code=1)
    assert "is missing; dvc exp apply NAME" in said(capsys, "adopt", code=1)
    assert "no complete run is on record" in said(capsys, "restore", code=1)


def test_a_failure_is_told_once_and_kept(small: Small, capsys: Capture) -> None:
    own = '@step("own.f")\ndef f(frame: pd.DataFrame) -> pd.DataFrame:\n    raise ValueError("no good")\n'
    small.short("{a: {use: own.f}}", own).run("ingest", "validate")
    told = said(capsys, "run", "work", code=1)
    assert told.count("raised ValueError: no good; at plugins/own.py:") == 1
    assert "work failed after" in told
    assert "failed in work: stage work, step a (own.f, plugins/): raised ValueError: no good" in said(capsys, "log")


def test_a_stage_beside_another_run_is_refused_and_says_so(small: Small, capsys: Capture) -> None:
    small.short().run("ingest")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        open_run(Path(), Owner.of(other.pid), trigger="dvc repro")
        assert f"another dvc repro is at work here; given: process {other.pid}" in said(capsys, "run", "work", code=1)
        other.communicate(b"\n")


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (KeyboardInterrupt(), 130, "stopped"),
        (OSError(28, "No space left on device", "data/x"), 1, "data/x: No space left on device"),
        (RunError("told"), 1, "told"),
    ],
)
def test_what_stops_a_command(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, error: BaseException, code: int, text: str
) -> None:
    def check(chosen: object) -> int:
        raise error

    monkeypatch.setattr("steadily.commands.planning.check", check)
    assert text in said(capsys, "check", code=code)


def test_a_bug_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steadily.commands.planning.check", lambda chosen: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["check"])


def test_restoring_asks_dvc_for_the_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    def done(code: int, told: str) -> None:
        found = subprocess.CompletedProcess([], code, "", told)
        monkeypatch.setattr(mending.subprocess, "run", lambda *_, **__: found)
        mending.check_out()

    done(0, "")
    with pytest.raises(RunError, match=r"can't bring all outputs back; given: ERROR: gone; what DVC's cache lacks"):
        done(1, "first\nERROR: gone\n")
    with pytest.raises(RunError, match="can't bring all outputs back; what"):
        done(1, "")


HOOKS = """
from steadily import hookimpl

@hookimpl
def stage_finished(record):
    BODY

@hookimpl
def stage_failed(record):
    import pathlib
    pathlib.Path("failed").write_text(record["stage"] + record["error"])
"""


@pytest.mark.parametrize("body", ["1 / 0", "raise SystemExit(3)", "raise KeyError('x')"])
def test_a_listener_that_raises_changes_nothing(small: Small, caplog: pytest.LogCaptureFixture, body: str) -> None:
    logging.getLogger("steadily").propagate = True
    small.short("{}", HOOKS.replace("BODY", body)).run("ingest")
    assert "hook stage_finished of own raised" in caplog.text
    assert len(read_dataset("raw")) == 4


def test_listeners_hear_of_failures(small: Small) -> None:
    small.short("{}", HOOKS.replace("BODY", "pass")).compose()
    with pytest.raises(Exception, match="there is no such dataset"):
        run_stage(Path(), "validate")
    assert Path("failed").read_text().startswith("validate")
    tell(None, "stage_failed", {"stage": "x", "seconds": 0.0, "error": "e", "back": ["data/x"]})


def test_logs_are_lines_of_json() -> None:
    record = logging.LogRecord("steadily.x", logging.INFO, "f", 1, "é %s", ("b",), None)
    found = json.loads(JsonLines().format(record))
    assert (found["level"], found["logger"], found["message"]) == ("info", "steadily.x", "é b")
    try:
        raise ValueError("odd")
    except ValueError:
        record.exc_info = sys.exc_info()
    assert "ValueError: odd" in json.loads(JsonLines().format(record))["exception"]


# Processes of their own.


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )


def test_a_process_ends_with_its_parent() -> None:
    child = "import time, steadily.process as p; p.die_with_parent(); print('on', flush=True); time.sleep(60)"
    parent = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdout=subprocess.PIPE, text=True)
child.stdout.readline()
print(child.pid, flush=True)
import os
os._exit(0)
"""
    import psutil

    number = int(python(parent).stdout)
    if psutil.pid_exists(number):
        psutil.wait_procs([psutil.Process(number)] if psutil.pid_exists(number) else [], timeout=5)
    assert not psutil.pid_exists(number) or psutil.Process(number).status() == psutil.STATUS_ZOMBIE


def test_numbers_are_computed_alike() -> None:
    done = python(
        "from steadily.process import compute_alike; compute_alike(); import os, numpy; print(dict(os.environ))"
    )
    assert done.returncode == 0, done.stderr
    assert "'OMP_NUM_THREADS': '1'" in done.stdout
    if {"avx2", "fma"} <= process.cpu_flags():
        assert "'OPENBLAS_CORETYPE': 'Haswell'" in done.stdout


def test_a_machine_that_tells_nothing_of_its_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process.Path, "read_text", lambda *_, **__: "no flags here")
    assert process.cpu_flags() == set()

    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(process.Path, "read_text", missing)
    assert process.cpu_flags() == set()


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    done = python("import sys\nfrom steadily.cli import parser\nparser()\nprint(sorted(sys.modules))")
    loaded = set(re.findall(r"'(\w+)'", done.stdout))
    assert not loaded & {"pandas", "numpy", "pyarrow", "hydra", "omegaconf", "pydantic", "dvc", "sklearn", "yaml"}
