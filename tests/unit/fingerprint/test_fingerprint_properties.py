"""For random packages: noise never changes a fingerprint, a change of anything reached always does."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadily.fingerprint import Fingerprint, Fingerprints, source_finder, sources

TEMPLATES = (
    "def {name}(x=0):\n    y = {uses}\n    return {value}, y",
    "{name} = ({uses}, {value})",
    "class {name}:\n    limit = {value}\n    def go(self):\n        return {uses}",
    "{name} = lambda: ({uses}, {value})",
    "try:\n    {name} = [{value}, {uses}]\nexcept ValueError:\n    {name} = None",
    "{name} = {{}}\n{name}['k'] = {uses}\n{name}.update(v={value})",
    "async def {name}():\n    def inner():\n        return {uses}\n    return f'{{inner():{value}}}'",
)
NOISE = st.sampled_from(
    ["\n\n", "# a comment\n", "'a string'\n", "def unrelated_{}(): return n0\n", "UNRELATED_{} = 7\n"]
)
Spec = tuple[list[tuple[int, int, tuple[int, ...]]], list[int]]


@st.composite
def packages(draw: st.DrawFn) -> Spec:
    """Draw definitions (module, template, indices of those they use) and how each use is written."""
    count = draw(st.integers(1, 8))
    each = st.tuples(
        st.integers(0, 2),
        st.integers(0, len(TEMPLATES) - 1),
        st.lists(st.integers(0, count - 1), max_size=3).map(tuple),
    )
    definitions = draw(st.lists(each, min_size=count, max_size=count))
    return definitions, draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))


def reference(spec: Spec, user: int, used: int) -> tuple[str, str]:
    """Write how definition ``user`` names ``used``: an import line, and the expression."""
    definitions, styles = spec
    here, there = definitions[user][0], definitions[used][0]
    if here == there:
        return "", f"n{used}"
    return [
        (f"from .m{there} import n{used}", f"n{used}"),
        (f"from . import m{there}", f"m{there}.n{used}"),
        (f"import pkg.m{there} as q{there}", f"q{there}.n{used}"),
        (f"import pkg.m{there}", f"pkg.m{there}.n{used}"),
    ][styles[user]]


def definition(spec: Spec, index: int, value: int) -> str:
    _, template, uses = spec[0][index]
    written = ", ".join(reference(spec, index, used)[1] for used in uses)
    return TEMPLATES[template].format(name=f"n{index}", uses=f"[{written}]", value=value)


def write(folder: Path, spec: Spec, values: list[int], order: list[int], noise: list[str]) -> None:
    (folder / "pkg").mkdir(exist_ok=True)
    (folder / "pkg/__init__.py").touch()
    for module in range(3):
        members = [index for index in order if spec[0][index][0] == module]
        lines = {reference(spec, index, used)[0] for index in members for used in spec[0][index][2]}
        parts = [*sorted(lines), *(definition(spec, index, values[index]) for index in members)]
        noisy = [
            f"{text.format(place)}{part}" for place, (part, text) in enumerate(zip(parts, noise * 40, strict=False))
        ]
        (folder / f"pkg/m{module}.py").write_text("\n".join(noisy) + "\n")


def first(folder: Path, spec: Spec) -> Fingerprint:
    fingerprints = Fingerprints(source_finder([folder]), lambda name: name == "pkg")
    return fingerprints.of(f"pkg.m{spec[0][0][0]}", "n0")


def reached(spec: Spec) -> set[int]:
    todo, seen = [0], {0}
    while todo:
        uses = set(spec[0][todo.pop()][2]) - seen
        seen |= uses
        todo.extend(uses)
    return seen


@settings(max_examples=150, deadline=None)
@given(packages(), st.data())
def test_noise_changes_nothing_and_reached_code_does(spec: Spec, data: st.DataObject) -> None:
    count = len(spec[0])
    values, plain = [1] * count, list(range(count))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, spec, values, plain, [""])
        before = first(folder, spec)
        assert before.unresolved == ()
        order = data.draw(st.permutations(plain))
        write(folder, spec, values, order, data.draw(st.lists(NOISE, min_size=1, max_size=6)))
        assert first(folder, spec) == before
        changed = data.draw(st.integers(0, count - 1))
        values[changed] = 2
        write(folder, spec, values, order, [""])
        assert (first(folder, spec) != before) == (changed in reached(spec))


def test_each_module_of_a_large_plugin_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg/__init__.py").touch()
    body = "    total = frame[column].astype('float64').sum() + LIMIT\n" * 6
    for module in range(30):
        following = f"from .m{module + 1} import f0 as following\n" if module < 29 else "following = print\n"
        functions = (
            f"def f{each}(frame, *, column: str = 'a'):\n{body}    return following(total)\n\n" for each in range(33)
        )
        (tmp_path / f"pkg/m{module}.py").write_text(f"import pandas as pd\n{following}LIMIT = 3\n" + "".join(functions))
    parse, read = sources.parse, []
    monkeypatch.setattr(sources, "parse", lambda content, path: (read.append(path.name), parse(content, path))[1])
    fingerprints = Fingerprints(source_finder([tmp_path]), lambda name: name == "pkg")
    found = [fingerprints.of(f"pkg.m{each % 30}", f"f{each // 30}") for each in range(100)]
    assert len(read) == len(set(read)) <= 31
    assert len({tuple(each.code.items()) for each in found}) == 100
