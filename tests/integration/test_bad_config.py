"""Bad configuration: refused before anything runs, each with file, line and the near name."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from project import Project
from refusing import refused_at

CONFIG = "conf/config.yaml"
SMALL = "conf/model/small.yaml"
ORDERS = "conf/contract/orders.yaml"
INT = """\
    order: {dtype: int64, nullable: false}
    city: {dtype: str, nullable: false}
    weight: {dtype: float64, nullable: true, """
Edit = tuple[str, str, str, list[str]]
WRONG: dict[str, list[Edit]] = {
    "steps": [
        (CONFIG, "rows.drop_missing", "rows.drop_mising", [":19:", "did you mean 'rows.drop_missing'?"]),
        (CONFIG, 'mark: "!"', "mark: true", [":20:", "has to be text", "given: true"]),
        (CONFIG, "errors: drop", "erors: drop", [":21:", "'erors'", "did you mean 'errors'?"]),
        (CONFIG, "strategy: median", "strategy: medain", [":32:", "'median', 'mean'", '"medain"']),
        (SMALL, "C: 1.0", "C: true", [":5:", "estimator.C", "can't be true or false"]),
        (ORDERS, INT, INT.replace("int64", "int46"), [":3:", "int46", "did you mean 'int64'?"]),
    ],
    "parameters": [
        (CONFIG, "columns: [late]", "columns: late", [":19:", "has to be a list", 'given: "late"']),
        (CONFIG, "columns: [city], mark", "columns: 3, mark", [":20:", "has to be a list", "given: 3"]),
        (CONFIG, ", format: iso8601", "", [":21:", "parameter 'format' is missing"]),
        (SMALL, "C: 1.0", "CC: 1.0", [":5:", "estimator.CC", "has no parameter 'CC'", "did you mean 'C'?"]),
    ],
    "an estimator": [
        (SMALL, "LogisticRegression", "LogisticRegresion", [":5:", "did you mean 'LogisticRegression'?"]),
    ],
    "a model's parameter": [(SMALL, "C: 1.0", "C: much", [":5:", "'C' parameter of LogisticRegression", "'much'"])],
    "shape": [
        (CONFIG, "learn_on: train", "lern_on: train", [":30:", "did you mean 'learn_on'?"]),
        (CONFIG, "inputs: {train: train, test: test}", "inputs: {train: train, test: tets}", [":29:", "mean 'test'?"]),
        (CONFIG, "max_quarantined: 0.1", "max_quarantined: 10", [":39:", "share of the rows", "0 to 1"]),
        (CONFIG, "task: classification", "task: clasification", [":5:", "classification, regression"]),
    ],
    "two readings": [
        (CONFIG, 'mark: "!"', "mark: on", [":20:", "'on' is read as true by some readers"]),
        (CONFIG, "max_quarantined: 0.1", "max_quarantined: 010", [":39:", "read as 8 by some readers and as 10"]),
        (CONFIG, 'cut: "2024-03-01"', "cut: 12:30", [":26:", "'12:30'"]),
        (CONFIG, "strategy: median", "strategy: 0o10", [":32:", "'0o10'"]),
        (SMALL, "C: 1.0", "C: .nan", [":5:", "NaN"]),
    ],
    "twice the same key": [
        (CONFIG, "  valid: {", "  clean: {}\n  valid: {", ["the key 'clean' stands here", "line 39"])
    ],
    "left open": [(CONFIG, 'mark: "!"', "mark: '???'", [":20:", "mark", "???", "nobody sets it"])],
    "left open in brackets": [(CONFIG, 'mark: "!"', "mark: ???", [":20:", "quote it: '???'"])],
    "no YAML": [
        (CONFIG, "columns: [late], at", "columns: [late, at", [":19:", "no YAML"]),
        (SMALL, "estimator:", "\testimator:", [":5:", "tab"]),
    ],
    "interpolation": [(CONFIG, "${contract.received}", "${contract.recieved}", [":39:", "did you mean 'received'?"])],
    "a secret": [(CONFIG, 'mark: "!"', 'mark: "${oc.env:HOME}"', [":20:", "oc.env", "conf/operate.yaml"])],
    "option": [(CONFIG, "model: small", "model: smal", [":3:", "no option 'smal'", "did you mean 'small'?"])],
    "module": [(CONFIG, "[shop]", "[shpo]", [":7:", "plugins/ has no module 'shpo'", "did you mean 'shop'?"])],
}


@pytest.mark.parametrize("name", WRONG)
def test_each_wrong_line_is_named_with_what_would_be_right(finished: Project, name: str) -> None:
    for file, old, new, _ in WRONG[name]:
        finished.edit(file, old, new)
    done = finished.run("steadily", "check")
    assert (done.code, done.out) == (1, "")
    assert "Traceback" not in done.err
    lines = done.err.splitlines()
    for file, _, _, words in WRONG[name]:
        fitting = [line for line in lines if line.startswith(f"{file}:") and all(word in line for word in words)]
        assert len(fitting) == 1, (words, done.err)
    assert len(lines) <= len(WRONG[name]) + 1, done.err  # the trouble, not what follows from it


def test_a_refused_configuration_changes_nothing_and_a_mended_one_goes_on(finished: Project) -> None:
    before = {name: finished.path(name).read_bytes() for name in ("params.yaml", "versions.yaml", "dvc.yaml")}
    finished.edit(CONFIG, "rows.drop_missing", "rows.drop_mising")
    refused_at(finished, "compose", f"{CONFIG}:19: stages.clean.steps.need_target.use: unknown step 'rows.drop_mising'")
    assert {name: finished.path(name).read_bytes() for name in before} == before
    finished.edit(CONFIG, "rows.drop_mising", "rows.drop_missing")
    assert finished.repro() == ["compose"]
    log = finished.ok("steadily", "log", "--all")
    assert "failed in compose" in log.splitlines()[-2]


def test_all_problems_come_at_once_and_at_most_ten_lines(finished: Project) -> None:
    finished.edit(CONFIG, "rows.drop_missing", "rows.drop_mising")
    finished.edit(CONFIG, "errors: drop", "erors: drop")
    finished.edit(SMALL, "C: 1.0", "CC: 1.0")
    finished.edit(ORDERS, INT, INT.replace("int64", "int46"))
    text = finished.refused("steadily", "check")
    for word in ("rows.drop_mising", "'erors'", "'CC'", "int46"):
        assert word in text
    many = "".join(f"      wrong{n}: {{use: rows.nothing{n}}}\n" for n in range(15))
    finished.edit(CONFIG, "    steps:\n      need_target", f"    steps:\n{many}      need_target")
    lines = finished.refused("steadily", "check").splitlines()
    assert len(lines) == 11
    assert lines[-1] == "… and 9 more"


def test_a_hand_edited_params_file_is_refused_with_the_place_in_conf(finished: Project) -> None:
    text = finished.path("params.yaml").read_text(encoding="utf-8")
    mine = text.replace("C: 1.0", "C: 2.0")
    finished.write("params.yaml", mine)
    refused_at(
        finished,
        "compose",
        "params.yaml: ",
        "was edited by hand",
        "2.0 where conf/ has 1.0",
        f"edit {SMALL}:5",
        "adopt",
    )
    assert finished.path("params.yaml").read_text(encoding="utf-8") == mine  # nobody's work is thrown away
    finished.write("params.yaml", text)
    assert finished.repro() == ["compose"]


def test_values_that_nobody_can_read_are_told_without_a_traceback(finished: Project) -> None:
    finished.write("params.yaml", "stages: [\n")
    assert "params.yaml" in finished.refused("steadily", "compose")
    assert "params.yaml" in finished.refused("dvc", "repro")  # DVC reads it before we are asked
    finished.path("params.yaml").unlink()  # it is made again
    finished.write("versions.yaml", "ingest: [\n")
    assert finished.repro() == ["compose"]
    finished.write("versions.yaml", "- ingest\n- 3\n")
    assert finished.repro() == ["compose"]
    finished.write(
        "versions.yaml", finished.path("versions.yaml").read_text(encoding="utf-8").replace("digest", "dgst")
    )
    assert finished.repro() == ["compose"]


MISSHAPEN: dict[str, tuple[Callable[[Project], object], str]] = {
    "an empty file": (lambda it: it.write(CONFIG, ""), f"{CONFIG}: stages: there are no stages"),
    "comments only": (lambda it: it.write(CONFIG, "# later\n"), f"{CONFIG}: stages: there are no stages"),
    "a list": (lambda it: it.write(CONFIG, "- a\n"), f"{CONFIG}:1: the file holds a list"),
    "a list of stages": (lambda it: it.write(CONFIG, "stages: [a]\n"), f"{CONFIG}:1: stages: has to be a mapping"),
    "not UTF-8": (lambda it: it.path(CONFIG).write_bytes(b"a: \xe9\n"), f"{CONFIG}: the file is not UTF-8"),
    "no file": (lambda it: it.path(CONFIG).unlink(), f"{CONFIG}: there is no such file"),
    "no folder": (lambda it: shutil.rmtree(it.path("conf")), "there is no conf/ in"),
}


@pytest.mark.parametrize("name", MISSHAPEN)
def test_a_misshapen_configuration_is_told_in_a_line(finished: Project, name: str) -> None:
    spoil, words = MISSHAPEN[name]
    spoil(finished)
    text = finished.refused("steadily", "compose")
    assert words in text
    assert len(text.splitlines()) == 1


OPERATE = {
    "unknown values": (
        "engine:\n  backend: spark\n  wrkers: 2\n  workers: many\n",
        ["operate.yaml:2: engine.backend", "'spark'", "operate.yaml:3:", "did you mean 'workers'?", "operate.yaml:4:"],
    ),
    "a number for the engine": ("engine: 7\n", ["conf/operate.yaml:1: engine: has to be a mapping"]),
    "text for the sources": ("sources: keep\n", ["conf/operate.yaml:1: sources: has to be a mapping"]),
    "a list": ("- 7\n", ["conf/operate.yaml:1: the file holds a list"]),
    "no YAML": ("engine: {backend: [}\n", ["conf/operate.yaml:1: this is no YAML"]),
    "an open value": ("engine: {backend: '???'}\n", ["conf/operate.yaml:1: 'engine.backend' is ???"]),
}


@pytest.mark.parametrize("name", OPERATE)
def test_nonsense_in_operate_is_refused(finished: Project, name: str) -> None:
    text, words = OPERATE[name]
    finished.write("conf/operate.yaml", text)
    told = finished.refused("steadily", "compose")
    for word in words:
        assert word in told, told


def test_an_engine_from_the_environment_is_judged_as_well(finished: Project) -> None:
    finished.environment["STEADILY_ENGINE"] = "locl:2"
    refused_at(finished, "compose", "STEADILY_ENGINE=locl:2: backend", "did you mean 'local'?")


def test_a_shape_that_was_edited_by_hand_is_written_anew(finished: Project) -> None:
    shape = finished.path("dvc.yaml").read_bytes()
    finished.edit("dvc.yaml", "exec steadily run clean", "steadily run clean --fast")
    refused_at(finished, "compose", "dvc.yaml", "run dvc repro again")
    assert finished.path("dvc.yaml").read_bytes() == shape
    assert finished.repro() == ["compose"]
    finished.write("dvc.yaml", "stages: {\n")
    assert "dvc.yaml" in finished.refused("dvc", "repro")
    assert "dvc.yaml: can't be read" in finished.refused("steadily", "compose")
    finished.path("dvc.yaml").unlink()
    assert "dvc.yaml" in finished.refused("dvc", "repro")
    finished.ok("steadily", "compose")
    assert finished.path("dvc.yaml").read_bytes() == shape
    assert finished.repro() == ["compose"]
