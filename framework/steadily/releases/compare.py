"""Two releases side by side: configuration, code, data, figures, latency and packages, what differs alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from steadily.releases.records import Release

WIDTH = 32
LISTED_AT_MOST = 6


class Difference(NamedTuple):
    """A value that differs; None where one of the two has none."""

    key: str
    one: Any
    other: Any


def differences(one: Release, other: Release) -> dict[str, list[Difference]]:
    """Give what differs between two releases, by part."""
    return {name: list(compared(flat(a), flat(b))) for name, (a, b) in parts(one, other).items()}


def parts(one: Release, other: Release) -> dict[str, tuple[Any, Any]]:
    """Give the parts that are compared, of both."""
    pairs = [
        {
            "config": release.config,
            "code": code_of(release.versions),
            "data": release.data,
            "metrics": release.metrics,
            "latency": release.latency,
            "packages": release.manifest["packages"],
            "feature set": {"version": release.feature_set},
        }
        for release in (one, other)
    ]
    return {name: (pairs[0][name], pairs[1][name]) for name in pairs[0]}


def code_of(versions: Mapping[str, Any]) -> dict[str, Any]:
    """Give the digests of code by stage, step and file.

    >>> code_of({"clean": {"digest": "x", "steps": {"lower": {"use": "text.normalize", "code": {"a.py": "1"}}}}})
    {'clean': {'lower': {'use': 'text.normalize', 'a.py': '1'}}}
    """
    return {
        stage: {
            name: {"use": step.get("use"), **step.get("code", {})}
            for name, step in (found.get("steps") or {}).items()
            if isinstance(step, Mapping)
        }
        for stage, found in versions.items()
        if isinstance(found, Mapping)
    }


def flat(value: Any, key: str = "") -> dict[str, Any]:
    """Give a tree's leaves by dotted keys; lists stay whole.

    >>> flat({"a": {"b": 1, "c": [2]}, "d": {}})
    {'a.b': 1, 'a.c': [2]}
    """
    if not isinstance(value, Mapping):
        return {key: value}
    found: dict[str, Any] = {}
    for name, item in value.items():
        found |= flat(item, f"{key}.{name}" if key else str(name))
    return found


def compared(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[Difference]:
    """Give what differs, in the order of the first and then of the second; 1, 1.0 and true differ."""
    for key in dict.fromkeys([*one, *other]):
        a, b = one.get(key), other.get(key)
        if type(a) is not type(b) or a != b:
            yield Difference(key, a, b)


def lines(one: Release, other: Release) -> Iterator[str]:
    """Tell the differences for people."""
    found = differences(one, other)
    keys = [item.key for items in found.values() for item in items]
    wide = min(max(map(len, keys), default=0), 60)
    yield f"{'':{wide + 4}}{f'release {one.number}':<{WIDTH}}  release {other.number}"
    for name, items in found.items():
        shown = [item for item in items if not is_long(item)]
        yield name if items else f"{name}: the same"
        for item in shown:
            yield f"  {item.key:<{wide}}  {text_of(item.one):<{WIDTH}}  {text_of(item.other)}".rstrip()
        if len(shown) < len(items):
            yield f"  … and {len(items) - len(shown)} lists (--json has them)"


def is_long(item: Difference) -> bool:
    """Tell whether a difference is one of long lists, which no line holds."""
    return any(isinstance(value, list) and len(value) > LISTED_AT_MOST for value in (item.one, item.other))


def text_of(value: Any) -> str:
    """Write a value in a line's width.

    >>> text_of(0.123456789), text_of(1.0), text_of(None), text_of("x" * 40)
    ('0.123457', '1.0', '–', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…')
    """
    text = "–" if value is None else str(round(value, 6)) if isinstance(value, float) else str(value)
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"
