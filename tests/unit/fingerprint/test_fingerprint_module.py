"""What changes a step within its own module, and what does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.fingerprint.conftest import Project

PLAIN = """
import pandas as pd
from steadily import step

@step("demo.f")
def f(frame: pd.DataFrame, *, columns: list[str]) -> pd.DataFrame:
    return frame.dropna(subset=columns)
"""

SAME = {
    "comment": PLAIN.replace("return frame", "# drop\n    return frame"),
    "docstring": PLAIN.replace("return frame", '"""Drop rows."""\n    return frame'),
    "module docstring": '"""Steps."""\n' + PLAIN,
    "string statement": PLAIN.replace("return frame", "'note'\n    return frame"),
    "blank lines": PLAIN.replace("@step", "\n\n\n@step"),
    "quotes": PLAIN.replace('"demo.f"', "'demo.f'"),
    "parentheses": PLAIN.replace(
        "frame.dropna(subset=columns)", "(\n        frame.dropna(\n            subset=columns,\n))"
    ),
    "another step": PLAIN + '\n@step("demo.g")\ndef g(frame):\n    return frame\n',
    "another constant": PLAIN + "\nLIMIT = 3\n",
    "unused import": "import numpy as np\n" + PLAIN,
    "typing guard": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numpy\n" + PLAIN,
    "main guard": PLAIN + '\nif __name__ == "__main__":\n    f(None)\n',
    "a local's namesake": PLAIN + "\ndef columns():\n    return 1\nframe = columns()\n",
    "call of the step's own": PLAIN + "\nprint('loaded')\n",
}

OTHER = {
    "body": PLAIN.replace("subset=columns", "subset=columns, how='all'"),
    "step's name": PLAIN.replace("demo.f", "demo.g"),
    "step's kind": PLAIN.replace('"demo.f"', '"demo.f", kind="dataset"'),
    "default": PLAIN.replace("list[str])", "list[str] = ())"),
    "annotation": PLAIN.replace("list[str]", "tuple[str, ...]"),
    "parameter": PLAIN.replace("columns: list[str]", "columns: list[str], how: str = 'any'"),
    "decorator": PLAIN.replace("@step", "import functools\n@functools.cache\n@step"),
    "what a name means": PLAIN.replace("import pandas as pd", "import polars as pd"),
    "async": PLAIN.replace("def f", "async def f"),
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_what_changes_nothing(project: Project, text: str) -> None:
    assert project.steps(PLAIN) == project.steps(text)


@pytest.mark.parametrize("text", OTHER.values(), ids=OTHER)
def test_what_changes_a_step(project: Project, text: str) -> None:
    assert project.steps(PLAIN).code != project.steps(text).code


def test_an_undocumented_body_is_a_pass(project: Project) -> None:
    assert project.steps("def f():\n    'doc'") == project.steps("def f():\n    pass")


# Each case: what f reaches. The digit 1 in it is changed to 2, which must change f.
REACHED = {
    "constant": "X = 1\ndef f(): return X",
    "annotated constant": "X: int = 1\ndef f(): return X",
    "tuple assignment": "Y, (X, *Z) = 0, (1, 3, 4)\ndef f(): return X",
    "chained assignment": "Y = X = 1\ndef f(): return X",
    "augmented": "X = 0\nX += 1\ndef f(): return X",
    "item": "X = {}\nX['a'] = 1\ndef f(): return X",
    "nested item": "X = {'a': {}}\nX['a']['b'] = 1\ndef f(): return X",
    "deleted item": "X = [0, 0, 0]\ndel X[1]\ndef f(): return X",
    "update": "X = {}\nX.update(a=1)\ndef f(): return X",
    "update in an assignment": "X = {}\n_ = X.setdefault('a', 1)\ndef f(): return X",
    "argument": "import random\nX = [1]\nrandom.Random(1).shuffle(X)\ndef f(): return X",
    "keyword argument": "X = []\nfill(1, target=X)\ndef f(): return X",
    "attribute": "class X: pass\nX.limit = 1\ndef f(): return X().limit",
    "setattr": "class X: pass\nsetattr(X, 'limit', 1)\ndef f(): return X().limit",
    "in an if": "import sys\nif sys.platform == 'x1':\n    X = 0\nelse:\n    X = 2\ndef f(): return X",
    "in a try": "try:\n    X = 1\nexcept ValueError:\n    X = 0\ndef f(): return X",
    "in a for": "X = {}\nfor each in range(1):\n    X[each] = 0\ndef f(): return X",
    "in a with": "with open('1') as file:\n    X = file.read()\ndef f(): return X",
    "in a while": "while True:\n    X = 1\n    break\ndef f(): return X",
    "in a match": "match 1:\n    case X: pass\ndef f(): return X",
    "item in an if": "X = {}\nif print:\n    X['a'] = 1\ndef f(): return X",
    "update in a for": "X = {}\nfor each in 'ab':\n    X.update({each: 1})\ndef f(): return X",
    "append in a try": "X = []\ntry:\n    X.append(1)\nfinally:\n    pass\ndef f(): return X",
    "item in a with": "X = {}\nwith print:\n    X['a'] = 1\ndef f(): return X",
    "item in a class's body": "X = {}\nclass A:\n    X['a'] = 1\ndef f(): return X",
    "condition": "import sys\nif sys.version == '1':\n    from math import sin as X\ndef f(): return X",
    "table filled through an alias of its class": "class X:\n    all = {}\nX.all['a'] = 1\ndef f(): return X.all",
    "exec": "exec('X = 1')\ndef f(): return X",
    "globals": "globals()['X'] = 1\ndef f(): return X",
    "globals in the step": "X = 1\ndef f(*, name: str): return globals()[name]",
    "sys.modules": "import sys\nX = 1\ndef f(*, name: str): return getattr(sys.modules[__name__], name)",
    "walrus": "(Y := (X := 1))\ndef f(): return X",
    "walrus in a call": "print(X := 1)\ndef f(): return X",
    "defined twice": "def g(): return 1\ndef g(): return 0\ndef f(): return g()",
    "function": "def g(): return 1\ndef f(): return g()",
    "chain": "def a(): return 1\ndef b(): return a()\ndef c(): return b()\ndef f(): return c()",
    "mutual recursion": "def a(): return b() + 1\ndef b(): return a()\ndef f(): return b()",
    "lambda": "g = lambda: 1\ndef f(): return map(lambda x: g(), [])",
    "partial": "from functools import partial\ndef g(x): return 1\nh = partial(g, 0)\ndef f(): return h()",
    "nested function": "def g(): return 1\ndef f():\n    def h():\n        return g()\n    return h()",
    "comprehension": "X = 1\ndef f(): return [y for y in range(3) if y > X]",
    "comprehension's iterable": "X = [1]\ndef f(): return [X for X in X]",
    "nested comprehension": "X = [1]\ndef f(): return {a: b for a in [] for b in X}",
    "f-string": "X = 1\ndef f(y): return f'{y:{X}}'",
    "default": "X = 1\ndef f(*, y: int = X): return y",
    "default of a lambda": "X = 1\ndef f(): return lambda x=X: x",
    "annotation": "from typing import Literal\nHow = Literal['1']\ndef f(*, how: How): pass",
    "annotation as a string": "from typing import Literal\nHow = Literal['1']\ndef f(*, how: 'list[How] | None'): pass",
    "annotation in a string's list": "How = 1\ndef f(*, how: list['How']): pass",
    "annotated": "from typing import Annotated\nX = 1\ndef f(*, how: Annotated['int', X]): pass",
    "decorator": "def g(x): return 1\n@g\ndef f(): pass",
    "decorator's argument": "X = 1\n@print(X)\ndef f(): pass",
    "return annotation": "X = 1\ndef f() -> 'X': pass",
    "global": "X = 1\ndef f():\n    global X\n    X += 0",
    "global over an enclosing local": "X = 1\ndef f():\n    X = 0\n    def g():\n        global X\n        return X",
    "except": "class E(ValueError): code = 1\ndef f():\n    try: pass\n    except E: pass",
    "match class": "class E: code = 1\ndef f(x):\n    match x:\n        case E(): pass",
    "match value": "class E: code = 1\ndef f(x):\n    match x:\n        case E.code: pass",
    "deep in a body": "X = 1\ndef f():\n  while 0:\n    for x in ():\n      with x:\n        yield X",
    "class": "class f:\n    def read(self): return 1",
    "class attribute": "class f:\n    limit = 1",
    "method's name": "def g(): return 1\nclass f:\n    def h(self): return g()",
    "method behind a namesake": "def g(): return 1\nclass f:\n    def g(self): return g()",
    "base class": "class Base:\n    def read(self): return 1\nclass f(Base): pass",
    "base's base": "class A:\n    x = 1\nclass B(A): pass\nclass f(B): pass",
    "generic base": "class Base:\n    x = 1\nclass f(Base['y']): pass",
    "metaclass": "class Meta(type):\n    x = 1\nclass f(metaclass=Meta): pass",
    "class keyword": "X = 1\nclass f(Base, limit=X): pass",
    "dataclass": "import dataclasses\n@dataclasses.dataclass\nclass D:\n    x: int = 1\ndef f(): D()",
    "class method's default": "X = 1\nclass f:\n    def g(self, x=X): pass",
    "class body's name": "X = 1\nclass f:\n    X = X",
    "super": "class A:\n    def g(self): return 1\nclass f(A):\n    def g(self): return super().g()",
    "registered by a call": "X = {}\ndef put(k, v): X[k] = v\nput('a', 1)\ndef f(): return X",
    "registered by a decorator": (
        "X = {}\ndef put(k):\n    def inner(v):\n        X[k] = v\n        return v\n    return inner\n"
        "@put('a')\ndef a(): return 1\ndef f(): return X"
    ),
    "registered through another": (
        "X = []\ndef low(v): X.append(v)\ndef put(v):\n    low(v)\n    return v\n"
        "@put\ndef a(): return 1\ndef f(): return X"
    ),
    "registered in an assignment": "X = []\ndef put(v):\n    X.append(v)\n    return v\na = put(1)\ndef f(): return X",
    "single dispatch": (
        "from functools import singledispatch\n@singledispatch\ndef g(x): pass\n"
        "@g.register\ndef _(x: int): return 1\ndef f(): return g(0)"
    ),
    "single dispatch on a type": (
        "from functools import singledispatch\n@singledispatch\ndef g(x): pass\n"
        "@g.register(int)\ndef _(x): return 1\ndef f(): return g(0)"
    ),
    "subclasses that register": (
        "class Base:\n    all = []\n    def __init_subclass__(cls): Base.all.append(cls)\n"
        "class A(Base):\n    x = 1\ndef f(): return Base.all"
    ),
    "subclasses that are asked for": (
        "class Base:\n    @classmethod\n    def every(cls): return cls.__subclasses__()\n"
        "class A(Base):\n    x = 1\ndef f(): return Base.every()"
    ),
    "global that a call sets": "X = 0\ndef put(v):\n    global X\n    X = v\nput(1)\ndef f(): return X",
    "registry object": (
        "class Registry:\n    pass\nX = Registry()\n@X.handles('a')\ndef a(): return 1\ndef f(): return X"
    ),
    "unicode": "größe = 1\ndef f(): return größe",
    "string": "def f(): return 'value 1'",
    "bytes": "def f(): return b'1'",
    "nothing but type": "def f(): return 1",
    "a float": "def f(): return 1.5e-300",
    "type of a number": "def f(): return 1.0",
    "starred": "X = (1,)\ndef f(): return print(*X)",
    "await": "X = 1\nasync def f(): return await X",
    "slice": "X = 1\ndef f(y): return y[::X]",
    "alias": "def g(): return 1\nh = g\ndef f(): return h()",
    "delete": "X = 1\ndel X\ndef f(): return X",
    "dict unpacking": "X = {'a': 1}\ndef f(): return {**X}",
}


@pytest.mark.parametrize("text", REACHED.values(), ids=REACHED)
def test_what_a_step_reaches_in_its_module(project: Project, text: str) -> None:
    changed = text.replace("1", "2", 1) if text != REACHED["argument"] else text.replace("Random(1)", "Random(2)")
    assert changed != text
    assert project.steps(text).code != project.steps(changed).code


@pytest.mark.parametrize("text", REACHED.values(), ids=REACHED)
def test_a_docstring_or_comment_changes_none_of_these(project: Project, text: str) -> None:
    noisy = '"""Doc."""\n\n# comment\n' + text.replace("\n", "\n\n# more\n").replace("# more\n    ", "    ") + "\n"
    assert project.steps(text).code == project.steps(noisy).code


# Each case: text whose digit 1 f does not depend on.
UNREACHED = {
    "unused": "X = 1\ndef f(): return 0",
    "parameter": "def x(): return 1\ndef f(x): return x",
    "keyword": "def x(): return 1\ndef f(*, x: bool = True): return x",
    "local": "x = 1\ndef f():\n    x = 0\n    return x",
    "for target": "x = 1\ndef f():\n    for x in (): print(x)",
    "comprehension's name": "x = 1\ndef f(): return [x for x in ()]",
    "lambda's parameter": "x = 1\ndef f(): return lambda x: x",
    "enclosing parameter": "x = 1\ndef f(x):\n    def g(): return x\n    return g",
    "except name": "x = 1\ndef f():\n    try: pass\n    except ValueError as x: print(x)",
    "match name": "x = 1\ndef f(y):\n    match y:\n        case [x, *z]: print(x, z)",
    "match mapping": "x = 1\ndef f(y):\n    match y:\n        case {'a': 0, **x}: print(x)",
    "keyword argument's name": "x = 1\ndef f(): return dict(x=0)",
    "attribute's name": "x = 1\ndef f(y): return y.x",
    "nonlocal": "x = 1\ndef f():\n    x = 0\n    def g():\n        nonlocal x\n        x += 3\n    return g",
    "literal's text": "from typing import Literal\nx = 1\ndef f(*, how: Literal['x']): pass",
    "annotated's text": "from typing import Annotated\nx = 1\ndef f(*, how: Annotated[str, 'x']): pass",
    "user of the same function": "def g(): return 0\ndef h(): return g() + 1\ndef f(): return g()",
    "one of a decorated pair": "def deco(x): return x\n@deco\ndef g(): return 1\n@deco\ndef f(): return 0",
    "one of a called pair": "def deco(x): return print\n@deco('g1')\ndef g(): pass\n@deco('f')\ndef f(): return 0",
    "an argument's function": "register(f, 1)\ndef f(): return 0",
    "a reader of the table": "X = [0]\nY = max(X) + 1\ndef f(): return X",
    "a subclass": "class Base: pass\nclass A(Base):\n    x = 1\ndef f(): return Base()",
    "all": "__all__ = ['f', 'x1']\ndef f(): return 0",
    "walrus in a comprehension": "x = 1\ndef f():\n    [x := y for y in ()]\n    return x",
    "local import": "x = 1\ndef f():\n    import json as x\n    return x",
    "local class": "x = 1\ndef f():\n    class x: pass\n    return x",
}


@pytest.mark.parametrize("text", UNREACHED.values(), ids=UNREACHED)
def test_what_a_step_does_not_reach(project: Project, text: str) -> None:
    assert project.steps(text).code == project.steps(text.replace("1", "2", 1)).code


def test_a_moved_definition_changes_nothing(project: Project) -> None:
    parts = ["X = 1\n", "def g(): return X\n", "def f(): return g()\n", "class K: pass\n"]
    assert project.steps("".join(parts)) == project.steps("".join(reversed(parts)))


def test_the_order_of_changes_to_a_table_counts(project: Project) -> None:
    text = "X = {}\nX['a'] = 0\nX.update(a=1)\ndef f(): return X"
    swapped = "X = {}\nX.update(a=1)\nX['a'] = 0\ndef f(): return X"
    assert project.steps(text) != project.steps(swapped)
