"""Bad data: what can be read is read and told; the rest is refused with file and line, and nothing is half done."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from collections.abc import Callable

import psutil
import pytest
from project import CONFIG, Project
from refusing import refused_at, some

from steadily.datasets import read_dataset

ONE = "data/inbox/one.csv"
HEAD = b"order,city,weight,ordered_at,late"
CONF = "conf/config.yaml"


def lines(change: Callable[[int, list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    """Change every line of a CSV file, given its number and its fields."""
    return lambda text: b"".join(
        b",".join(change(number, line.split(b","))) + b"\n" for number, line in enumerate(text.splitlines())
    )


def change(project: Project, how: Callable[[bytes], bytes]) -> bytes:
    """Change the file in the inbox, and give what it was."""
    path = project.path(ONE)
    before = path.read_bytes()
    path.write_bytes(how(before))
    return before


def test_a_mark_and_line_ends_of_other_systems_are_read_as_the_same_rows(finished: Project) -> None:
    rows = read_dataset("raw", finished.folder)
    valid = read_dataset("valid", finished.folder)
    change(finished, lambda text: b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"))
    finished.repro("validate")
    assert read_dataset("raw", finished.folder).equals(rows)
    assert read_dataset("valid", finished.folder).equals(valid)


def test_an_added_column_is_left_out_and_told_or_refused_where_the_contract_is_strict(finished: Project) -> None:
    change(finished, lines(lambda number, fields: [*fields, b"extra col" if not number else b"1"]))
    finished.edit("conf/contract/orders.yaml", "received:\n", "received:\n  strict: true\n")
    refused_at(finished, "validate", "stage validate, contract of valid", "extra col", "strict")
    finished.edit("conf/contract/orders.yaml", "  strict: true\n", "")
    text = finished.ok("dvc", "repro", "validate")
    assert "  note: valid: not in the contract and left out: extra col\n" in text
    assert finished.summary("validate")["notes"] == ["valid: not in the contract and left out: extra col"]
    assert "left out: extra col" in finished.ok("steadily", "log")


def test_a_class_that_only_the_test_part_has_is_told(finished: Project) -> None:
    def rare(number: int, fields: list[bytes]) -> list[bytes]:
        return [*fields[:-1], b"never"] if fields[0] == b"3" else fields

    finished.edit("conf/contract/orders.yaml", '["y", "n"]', '["y", "n", "never"]')
    change(finished, lines(rare))
    text = finished.ok("dvc", "repro", "split")
    assert "note: class 'never' appears in test (1 row) and not in train: no model can learn it" in text


UNREADABLE: dict[str, tuple[Callable[[bytes], bytes], list[str]]] = {
    "empty": (lambda text: b"", [f"{ONE}:1: the file is empty"]),
    "a header only": (lambda text: HEAD + b"\n", ["the source has no rows"]),
    "not UTF-8": (
        lambda text: text.replace("Köln".encode(), "Köln".encode("latin-1"), 1),
        [f"{ONE}:3: is not UTF-8 text", "set encoding"],
    ),
    "two columns of one name": (lambda text: text.replace(b"weight", b"city", 1), [f"{ONE}:1: ", "same name: 'city'"]),
    "a column of our own name": (lambda text: text.replace(b"weight", b"row_id", 1), ["row_id"]),
    "a field too many": (lambda text: text.replace(b"Ulm", b"Ulm,x", 1), [f"{ONE}:2: the row has 6 fields"]),
    "an open quote": (lambda text: text.replace(b"Ulm", b'"Ulm', 1), [f"{ONE}:2: a quote that opens"]),
    "cut off": (lambda text: text[:-20], [f"{ONE}:201: the row has 4 fields"]),
}


@pytest.mark.parametrize("name", some(UNREADABLE, "empty", "a header only", "not UTF-8", "two columns of one name"))
def test_a_file_that_cannot_be_read_is_named_with_the_line(finished: Project, name: str) -> None:
    spoil, words = UNREADABLE[name]
    change(finished, spoil)
    said = refused_at(finished, "ingest", "stage ingest, step read (files.csv, steadily ", *words)
    assert len(said.splitlines()) == 3


def test_a_truncated_gzip_is_refused_and_a_whole_one_is_read(finished: Project) -> None:
    lock = finished.lock()
    text = finished.path(ONE).read_bytes().replace(b"2024-0", b"2024-1")
    finished.path("data/inbox/two.csv.gz").write_bytes(gzip.compress(text)[:-100])
    finished.edit(CONF, "data/inbox/*.csv", "data/inbox/*")
    said = refused_at(finished, "ingest", "data/inbox/two.csv.gz:", "cut off or damaged")
    assert "note: data/inbox/two.csv.gz: tracked by neither git nor DVC" in said
    finished.path("data/inbox/two.csv.gz").unlink()
    finished.edit(CONF, "data/inbox/*", "data/inbox/*.csv")
    assert finished.repro() == ["compose"]
    assert finished.lock() == lock


ABSENT: dict[str, tuple[Callable[[Project], object], list[str]]] = {
    "no such file": (
        lambda it: it.edit(CONF, "data/inbox/*.csv", "data/inbox/on.csv"),
        ["data/inbox/on.csv: no file is there", "did you mean 'one.csv'?"],
    ),
    "a glob that finds nothing": (
        lambda it: it.path(ONE).unlink(),
        ["data/inbox/*.csv: no file is there", "it is empty"],
    ),
    "no folder": (lambda it: shutil.rmtree(it.path("data/inbox")), ["data/inbox/*.csv: no file is there", "'data'"]),
    "a file for a folder": (
        lambda it: (shutil.rmtree(it.path("data/inbox")), it.write("data/inbox", "x")),
        ["'data/inbox' is a file, and has to be a folder"],
    ),
    "a link to nothing": (
        lambda it: (it.path(ONE).unlink(), it.path(ONE).symlink_to("gone.csv")),
        [f"{ONE}: is a link to a file that is not there"],
    ),
    "the same day twice": (
        lambda it: (it.edit(CONF, "inbox/*.csv", "inbox/*"), it.path("data/inbox/one.csv.gz").write_bytes(b"x")),
        ["data/inbox/one.csv.gz: two files would become the same part 'one'"],
    ),
}


@pytest.mark.parametrize("name", ABSENT)
def test_a_source_without_files_is_refused_before_anything_runs(finished: Project, name: str) -> None:
    spoil, words = ABSENT[name]
    spoil(finished)
    told = finished.refused("steadily", "plan")
    for word in words:
        assert word in told, told
    assert len(told.splitlines()) == 1
    if name == "a glob that finds nothing":
        refused_at(finished, "compose", *words)


def test_a_missing_a_renamed_and_a_mistyped_column_stop_before_any_step(finished: Project) -> None:
    lock = finished.lock()
    before = change(finished, lines(lambda _, fields: [*fields[:2], *fields[3:]]))
    place = f"stage validate, contract of valid, {ONE}: "
    refused_at(finished, "validate", f"{place}column weight is missing", "it has city, late, order, ordered_at")
    finished.path(ONE).write_bytes(before.replace(b"city", b"town", 1))
    said = refused_at(finished, "validate", f"{place}column city is missing; town is new, and 100 % of its values")
    assert len([line for line in said.splitlines() if "missing" in line]) == 1
    finished.path(ONE).write_bytes(before.replace(b".5,", b".5kg,"))
    refused_at(
        finished,
        "validate",
        "stage validate, contract of valid: 178 of 200 rows fail it (89.0%)",
        "at most 10.0% (datasets.valid.max_quarantined, conf/config.yaml:39)",
        "the contract is at conf/contract/orders.yaml:2",
        "178 rows: weight is not a finite number",
        "weight '0.5kg' is not",
    )
    assert "failed in validate: stage validate, contract of valid: 178" in finished.ok("steadily", "log")
    finished.path(ONE).write_bytes(before)
    assert finished.repro() == ["compose"]
    assert finished.lock() == lock


def test_rows_that_are_invalid_are_kept_apart_up_to_the_share_and_never_all(finished: Project) -> None:
    before = change(finished, lambda text: text.replace(b",y\n", b",maybe\n", 20))
    text = finished.ok("dvc", "repro", "validate")
    assert "validate: 200 rows in, 180 out, 20 quarantined" in text
    finished.path(ONE).write_bytes(before.replace(b",y\n", b",maybe\n", 21))
    refused_at(finished, "validate", "21 of 200 rows fail it (10.5%)", "21 rows: late", "'maybe'")
    finished.edit(CONF, "max_quarantined: 0.1", "max_quarantined: 1.0")
    finished.path(ONE).write_bytes(before.replace(b"0.5,", b"900.5,").replace(b",,2024", b",900.5,2024"))
    change(finished, lines(lambda number, it: it if not number else [*it[:2], b"900", *it[3:]]))
    refused_at(finished, "validate", "stage validate: none of 200 rows is left", "200 rows: weight is above 100")


@pytest.mark.soak  # each is tried at its own stage, in this process, by tests/unit
def test_one_class_and_steps_that_leave_no_row_are_refused(finished: Project) -> None:
    lock = finished.lock()
    before = change(finished, lambda text: text.replace(b",y\n", b",n\n"))
    refused_at(finished, "train", "step model (sklearn.model, ", "there is one class only to learn", "late is 'n'")
    finished.path(ONE).write_bytes(before)
    finished.edit(CONF, "format: iso8601", 'format: "%d.%m.%Y"')
    refused_at(
        finished,
        "clean",
        "stage clean: none of 200 rows is left",
        "195 rows: step when: ordered_at cannot be parsed as %d.%m.%Y",
        "5 rows: step need_target: late is missing",
    )
    finished.edit(CONF, 'format: "%d.%m.%Y"', "format: iso8601")
    assert finished.repro() == ["compose"]
    assert finished.lock() == lock


ODD_NAMES = ("the city", "Städte 🏙", "a.city", "x[0]", "use", "${city}", "city'\"", "contract")


def test_columns_may_have_any_name(finished: Project) -> None:
    names = list(ODD_NAMES)
    quoted = [name.replace('"', '""').encode() for name in names]
    header = HEAD + b"".join(b',"' + name + b'"' for name in quoted)
    change(finished, lines(lambda number, it: [header] if not number else [*it, *[it[1]] * len(names)]))

    def entry(name: str, rest: str) -> str:
        text = name.replace("\\", "\\\\").replace('"', '\\"').replace("${", "\\\\${")
        return f'    "{text}": {rest}\n'

    columns = "".join(entry(name, "{dtype: str, nullable: false}") for name in names if name != "${city}")
    orders = finished.path("conf/contract/orders.yaml")
    text = orders.read_text(encoding="utf-8")
    late = "    late: {"
    assert text.count(late) == 2
    orders.write_text(text.replace(late, columns + late), encoding="utf-8")
    steps = ", ".join('"' + name.replace('"', '\\"') + '"' for name in names if name != "${city}")
    finished.edit(CONF, "columns: [city], mark", f"columns: [{steps}], mark")
    finished.repro("clean")
    assert "${city}" in finished.summary("validate")["notes"][0]
    found = read_dataset("clean", finished.folder)
    for name in names:
        if name != "${city}":
            assert (found[name] == found["city"].str.upper() + "!").all(), name


def test_odd_files_and_huge_cells_are_read(finished: Project) -> None:
    text = finished.path(ONE).read_bytes()
    os.rename(finished.path(ONE), finished.path("data/inbox/März 1 (neu).csv"))
    outside = finished.folder.parent / "elsewhere.csv"
    outside.write_bytes(text.replace(b"2024", b"2023"))
    finished.path("data/inbox/linked.csv").symlink_to(outside)
    huge = text.replace(b"Ulm", b"U" * 10_000_000, 1).replace(b"Bonn", b"B\x00nn", 1)
    finished.path("data/inbox/huge.csv").write_bytes(huge)
    finished.path("data/inbox/folder.csv").mkdir()
    finished.repro("validate")
    frame = read_dataset("valid", finished.folder)
    assert len(frame) == 600
    assert frame["city"].str.len().max() == 10_000_000
    assert "B\x00nn" in set(frame["city"])
    assert frame.index.is_unique


@pytest.mark.soak
def test_ten_thousand_columns_are_read(finished: Project) -> None:
    extra = [b"c%d" % number for number in range(10_000)]
    change(finished, lines(lambda number, it: [*it, *(extra if not number else [b"1"] * len(extra))]))
    text = finished.ok("dvc", "repro", "validate")
    note = next(line for line in text.splitlines() if "left out" in line)
    assert len(note) < 1000


@pytest.mark.soak  # takes away one file after the other
def test_no_file_of_ours_has_to_be_there(finished: Project) -> None:
    lock = finished.lock()
    for path in finished.path(".steadily/cache").glob("*.json"):
        path.write_text('{"digest": 3, "values": [', encoding="utf-8")
    for path in finished.path(".steadily/runs").glob("*.jsonl"):
        path.write_bytes(b'\xff\x00 garbage\n{"event": 1}\n[1]\n')
    assert finished.repro() == ["compose"]
    for path in finished.path(".steadily/cache").glob("*.json"):
        path.write_text('{"digest": 3, "values": [1], "catalog": {}, "format": 1, "steps": 3}', encoding="utf-8")
    assert finished.repro() == ["compose"]
    finished.ok("steadily", "log", "--all")
    shutil.rmtree(finished.path(".steadily"))
    finished.path("params.yaml").unlink()
    finished.path("versions.yaml").unlink()
    finished.path("conf/operate.yaml").unlink()
    assert finished.repro() == ["compose"]
    assert finished.lock() == lock
    shutil.rmtree(finished.path(".steadily"))
    finished.write(".steadily", "not a folder")
    refused_at(finished, "compose", ".steadily", "Not a directory")


def wait_for_guards(project: Project) -> None:
    """Wait until no process guards the lock of a project's earlier run any more."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        words = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
        if not any("steadily.lockguard" in line and str(project.folder) in line for line in words):
            return
        time.sleep(0.1)


def test_a_lock_file_that_was_cut_off_is_brought_back(finished: Project) -> None:
    lock = finished.lock()
    assert finished.repro() == ["compose"]  # keeps the complete run aside
    wait_for_guards(finished)  # one that has not ended yet would mend it at once
    finished.path("dvc.lock").write_bytes(b"\x00\x01{{{" + lock[100:])
    assert "dvc.lock" in finished.refused("dvc", "repro")
    for command in ("plan", "compose"):
        assert "dvc.lock: can't be read" in finished.refused("steadily", command)
    finished.ok("steadily", "restore")
    assert finished.lock() == lock
    assert finished.repro() == ["compose"]
    finished.path("dvc.lock").write_bytes(lock[: len(lock) // 2])
    finished.ok("steadily", "restore")
    assert finished.lock() == lock


@pytest.mark.soak  # takes half a minute
def test_a_dataset_that_was_changed_by_other_hands_is_not_used(finished: Project) -> None:
    lock = finished.lock()
    finished.edit(CONF, 'mark: "!"', 'mark: "?"')
    finished.write("data/valid/dataset.json", "{")
    next(iter(finished.path("data/valid").glob("*.parquet"))).write_bytes(b"x")
    finished.ok("steadily", "compose")
    assert "data/valid" in finished.refused("steadily", "run", "clean")
    assert finished.repro("clean") == ["compose", "clean"]
    finished.edit(CONF, 'mark: "?"', 'mark: "!"')
    assert finished.repro() == ["compose"]
    assert finished.lock() == lock


def test_the_config_of_the_fixture_is_the_one_whose_lines_are_named() -> None:
    assert CONFIG.splitlines()[38].startswith("  valid:")
