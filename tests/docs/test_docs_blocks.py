from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from pages import ROOT, Block, blocks, pages, project_of, shows
from walking import copy_of_repository, run, walk

from shared import made_once
from steadily.catalog import Catalog
from steadily.parameters import read_parameters

EVERY = [block for page in pages() for block in blocks(page)]
START = ROOT / "docs/tutorial/from-an-empty-folder-to-a-report.md"
KINDS = ("", "run", "run instead", "serve", "output", "file", "edit", "illustration")
# These take minutes, and tests/integration tries the same.
SOAKED = ("experiments.md", "recover.md", "features.md", "read-the-report.md", "dashboard.md", "release.md")


def marks_of(page: Path) -> list[pytest.MarkDecorator]:
    """Say how a page is walked through."""
    serves = any(block.kind == "serve" for block in blocks(page))
    return [*[pytest.mark.soak] * (page.name in SOAKED), *[pytest.mark.service] * serves]


WALKED = [pytest.param(page, id=page.name, marks=marks_of(page)) for page in pages() if project_of(page)]
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@pytest.fixture(scope="session")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that tutorial/from-an-empty-folder-to-a-report.md makes."""

    def make(folder: Path) -> None:
        folder.mkdir()
        walk(START, folder)

    return made_once(tmp_path_factory, "my parcels", make)


@pytest.mark.long
@pytest.mark.parametrize("page", WALKED)
def test_a_reader_can_walk_through_the_page(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    project = project_of(page)
    if page == START:
        assert (request.getfixturevalue("parcels") / "models/lateness/model.skops").is_file()
        return
    folder = tmp_path / "a folder"
    if project == "parcels":
        shutil.copytree(request.getfixturevalue("parcels"), folder, symlinks=True)
    elif project == "mails":
        copy_of_repository(folder)
    else:
        folder.mkdir()
    walk(page, folder)


@pytest.mark.parametrize("block", EVERY, ids=str)
def test_every_block_says_what_is_done_with_it(block: Block) -> None:
    assert block.kind in KINDS, f"{block}: unknown mark {block.kind!r}"
    if block.kind in ("run", "run instead", "serve", "edit", "output"):
        assert project_of(block.page), f"{block}: the page names no project"
    if block.language in ("bash", "sh"):
        assert block.kind, f"{block}: say whether it runs"


@pytest.mark.parametrize(
    "block", [block for block in EVERY if block.language == "yaml" and block.kind != "illustration"], ids=str
)
def test_yaml_is_what_steadily_takes(block: Block) -> None:
    content = yaml.safe_load(block.text)
    catalog = Catalog(ROOT)
    for step in steps_in(content):
        if step["use"] in catalog.steps and not any("${" in str(value) for value in step.values()):
            params = {key: value for key, value in step.items() if key not in ("use", "at")}
            arguments, wrong = read_parameters(catalog.definition(step["use"]), params)
            assert not wrong, f"{block}: {step['use']}: {wrong}"
            check = getattr(catalog.definition(step["use"]).target, "check", None)
            if check:
                check(**arguments)


def steps_in(content: object) -> Iterator[dict[str, object]]:
    """Find the steps in a piece of configuration."""
    if isinstance(content, dict):
        if isinstance(content.get("use"), str):
            yield content
        else:
            for value in content.values():
                yield from steps_in(value)


def runs_alone(block: Block) -> bool:
    """Tell whether a block is tried outside its page's project; a program that the page itself runs is not."""
    programs = [other.text for other in blocks(block.page) if other.kind == "run"]
    run_there = block.kind == "file" and any(f"python {block.argument}\n" in text for text in programs)
    return block.language == "python" and block.kind != "illustration" and not run_there


@pytest.mark.parametrize("block", [block for block in EVERY if runs_alone(block)], ids=str)
def test_python_runs_and_its_steps_are_steps(block: Block, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "module.py").write_text(block.text, encoding="utf-8")
    code, printed = run("python -c 'import runpy; runpy.run_path(\"module.py\")'", tmp_path)
    assert code == 0, f"{block}:\n{printed}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in LINK.findall(re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        found = (page.parent / path) if path else page
        assert found.exists(), f"{page}: {target}"
        if anchor:
            anchors = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings(found)]
            assert anchor in anchors, f"{page}: {target}; there are {anchors}"


def headings(page: Path) -> list[str]:
    """Give the headings of a page."""
    return [title.replace("`", "") for title in HEADING.findall(page.read_text(encoding="utf-8"))]


def test_every_page_is_on_the_map() -> None:
    map_ = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    decisions = (ROOT / "docs/explanation/decisions/README.md").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md")):
        name = page.relative_to(ROOT / "docs").as_posix()
        if page.name != "README.md":
            assert f"({name})" in map_ or f"({page.name})" in decisions, f"{name} is on no map"


def test_the_pages_tell_output_from_output() -> None:
    assert shows("a … c\n…\nend\n", "before\na b c\nmore\nmore\nend\nafter\n")
    assert shows("one\n", "one  \n")
    assert not shows("a … c\n", "a b d\n")
    assert not shows("one\ntwo\n", "one\nelse\ntwo\n")
    assert not shows("one\n", "not one\n")
