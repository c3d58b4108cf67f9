"""The canonical text is the same in every Python: fixed digests, taken with 3.11, 3.12 and 3.13."""

from __future__ import annotations

import ast
from hashlib import blake2b

import pytest

from steadily.fingerprint.canonical import canonical

TRICKY = [
    'f"{x:}"',
    'f"{x!r:>{width}.{2}f}y"',
    'f"a" "b" f"{{c}}{d}" \'e\'',
    'f"{x = }"',
    'f"""{\n x\n = !s:\n}"""',
    "f\"{'a' if x else 'b'}\"",
    "f\"{x:%Y-%m-%d}{y:{'>'}10}\"",
    'f"\\N{DIGIT ONE}{x}\\n"',
    'f""',
    'rf"\\d{x}"',
    "f\"{(lambda: 1)()}{a['k']}\"",
    '"\\U0001fae8 \\ud800 ä"',
    'f"{x!r}" f"{y}" u"z"',
    "def f(a: T, /, *b, c=1, **d) -> T: ...",
    "a[*b, 1:2, ...]",
    "match x:\n    case {'a': 1, **r} | [1, *_] | K(a=None): pass",
    "try: pass\nexcept* E as e: pass\nelse: pass\nfinally: pass",
    "async def f():\n    async with a as b, c: return [i async for i in d if i]",
    "x = 10**3, 1e400, 1j, 0xFFFF_FFFF, True, None, b'\\xff'",
]


def digest(text: str) -> str:
    return blake2b(canonical(ast.parse(text)).encode(), digest_size=6).hexdigest()


def test_golden_digests() -> None:
    assert digest("def f(a, *, b=1):\n    'doc'\n    return a + b") == "4c9cf93f9977"
    assert blake2b("".join(map(digest, TRICKY)).encode(), digest_size=6).hexdigest() == "cc2ba6600163"


@pytest.mark.parametrize("text", TRICKY)
def test_unparsed_code_has_the_same_text(text: str) -> None:
    tree = ast.parse(text)
    assert canonical(ast.parse(ast.unparse(tree))) == canonical(tree)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("y = f'{x:}'", "y = f'{x}'"),
        ("y = 'a' 'b'", "y = 'ab'"),
        ("y = f'a' 'b{{'", "y = f'ab{{{{'"),
        ("y = u'a'", "y = 'a'"),
        ("x = (1)", "x=1"),
        ("class A:\n    'doc'\n    x = 1", "class A: x = 1"),
        ("if x:\n    pass\nelse:\n    'nothing'", "if x: pass"),
        ("y = 0xff", "y = 255"),
    ],
)
def test_same_meaning_same_text(one: str, other: str) -> None:
    assert canonical(ast.parse(one)) == canonical(ast.parse(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = 'a'", "x = a"),
        ("x = None", "x = 'None'"),
        ("x = {**a}", "x = {a: a}"),
        ("f(a, *b)", "f(*a, b)"),
        ("f(a=b)", "f(**{'a': b})"),
        ("def f(a, /): pass", "def f(a): pass"),
        ("def f(*, a): pass", "def f(a): pass"),
        ("def f(*, a, b=1): pass", "def f(*, a=1, b): pass"),
        ("x = f'{a!r}'", "x = f'{a!s}'"),
        ("x = f'{a}b'", "x = f'{a}{b}'"),
        ("import a.b", "import a as b"),
        ("from . import a", "from .. import a"),
        ("x = a - (b - c)", "x = a - b - c"),
        ("x = a < b < c", "x = (a < b) < c"),
        ("if a:\n    if b: c\n    else: d", "if a:\n    if b: c\nelse: d"),
        ("case = {1: 2}", "case = {1, 2}"),
        ("match x:\n    case None: pass", "match x:\n    case True: pass"),
        ("for x in y: pass\nelse: z", "for x in y: pass\nz"),
        ("x = (y for y in z)", "x = [y for y in z]"),
        ("x: int", "x: int = 1"),
        ("def f(): return", "def f(): yield"),
    ],
)
def test_other_meaning_other_text(one: str, other: str) -> None:
    assert canonical(ast.parse(one)) != canonical(ast.parse(other))
