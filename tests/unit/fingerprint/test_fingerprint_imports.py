"""What changes a step through another module of its package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.fingerprint.conftest import Project

STEPS = "pkg/steps.py"

IMPORTS = {
    "from": "from .lib import g\ndef f(): return g()",
    "from, renamed": "from .lib import g as h\ndef f(): return h()",
    "from the package": "from . import lib\ndef f(): return lib.g()",
    "from the package, renamed": "from . import lib as q\ndef f(): return q.g()",
    "absolute": "import pkg.lib\ndef f(): return pkg.lib.g()",
    "absolute, renamed": "import pkg.lib as q\ndef f(): return q.g()",
    "absolute from": "from pkg.lib import g\ndef f(): return g()",
    "absolute module": "from pkg import lib\ndef f(): return lib.g()",
    "star": "from .lib import *\ndef f(): return g()",
    "inside": "def f():\n    from .lib import g\n    return g()",
    "inside, renamed": "def f():\n    from .lib import g as h\n    return h()",
    "inside, module": "def f():\n    from . import lib\n    return lib.g()",
    "inside, absolute": "def f():\n    import pkg.lib\n    return pkg.lib.g()",
    "inside, absolute, renamed": "def f():\n    import pkg.lib as q\n    return q.g()",
    "inside, used by a nested function": "def f():\n    from .lib import g\n    return lambda: g()",
    "inside a class": "class f:\n    from .lib import g\n    def h(self): return self.g()",
    "inside a class's body": "class f:\n    from . import lib\n    x = lib.g()",
    "inside a method": "class f:\n    def h(self):\n        from .lib import g\n        return g()",
    "in a try": "try:\n    from .lib import g\nexcept ImportError:\n    g = None\ndef f(): return g()",
    "for typing": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .lib import g\ndef f(x: 'g'): pass",
    "getattr": "from . import lib\ndef f(*, name: str): return getattr(lib, name)()",
    "module as a value": "from . import lib\nTOOLS = [lib]\ndef f(): return TOOLS",
    "import_module": "import importlib\ndef f(): return importlib.import_module('pkg.lib').g()",
    "import_module, relative": (
        "from importlib import import_module\ndef f(): return import_module('.lib', __package__).g()"
    ),
    "import_module of a module": "import importlib\nlib = importlib.import_module('pkg.lib')\ndef f(): lib.g()",
    "__import__": "def f(): return __import__('pkg.lib').lib.g()",
    "constant behind it": "from .lib import h\ndef f(): return h()",
    "class behind it": "from .lib import K\ndef f(): return K.make()",
    "re-exported": "from .public import g\ndef f(): return g()",
    "re-exported by the package": "from .sub import g\ndef f(): return g()",
    "re-exported with a star": "from .starry import g\ndef f(): return g()",
    "through five": "from .one import g\ndef f(): return g()",
    "in a sub-package": "from .sub.deep import g\ndef f(): return g()",
    "sub-package by attribute": "from . import sub\ndef f(): return sub.deep.g()",
    "sub-package from above": "import pkg\ndef f(): return pkg.sub.deep.g()",
    "folder without __init__": "import pkg.bare.inner\ndef f(): return pkg.bare.inner.g()",
    "from a folder without __init__": "from .bare.inner import g\ndef f(): return g()",
    "module of such a folder": "from .bare import inner\ndef f(): return inner.g()",
    "registered elsewhere": "from . import plugged\nfrom .registry import TABLE\ndef f(): return TABLE",
    "module's attribute set elsewhere": "from . import setter, settings\ndef f(): return settings.LIMIT",
    "new attribute set elsewhere": "from . import setter, settings\ndef f(): return settings.FRESH",
    "module's __getattr__": "from .lazy import g\ndef f(): return g()",
}

LIBRARY = {
    "pkg/lib.py": "X = 1\ndef g(): return X\ndef h(): return X\nclass K:\n    def make(self): return X\n",
    "pkg/public.py": "from .lib import g\n__all__ = ['g']\n",
    "pkg/starry.py": "from .public import *\n",
    "pkg/one.py": "from .two import g\n",
    "pkg/two.py": "from . import three\ndef g(): return three.g()\n",
    "pkg/three.py": "def g():\n    from .four import g\n    return g()\n",
    "pkg/four.py": "import pkg.lib as last\ng = last.g\n",
    "pkg/sub/__init__.py": "from ..lib import g\n",
    "pkg/sub/deep.py": "from ..lib import X\ndef g(): return X\n",
    "pkg/bare/inner.py": "from ..lib import X\ndef g(): return X\n",
    "pkg/registry.py": "TABLE = {}\ndef put(v):\n    TABLE[v] = v\n    return v\n",
    "pkg/plugged.py": "from .registry import put\nfrom .lib import X\n@put\ndef plugged(): return X\n",
    "pkg/settings.py": "LIMIT = 0\n",
    "pkg/setter.py": "from . import lib, settings\nsettings.LIMIT = lib.X\nsettings.FRESH = lib.X\n",
    "pkg/lazy.py": "def __getattr__(name):\n    from . import lib\n    return getattr(lib, name)\n",
}


@pytest.mark.parametrize("text", IMPORTS.values(), ids=IMPORTS)
def test_a_change_in_another_module_arrives(project: Project, text: str) -> None:
    before = project.of({**LIBRARY, STEPS: text})
    assert "pkg/lib.py" in before.code
    after = project.of({"pkg/lib.py": LIBRARY["pkg/lib.py"].replace("1", "2")})
    assert {file for file in before.code if before.code[file] != after.code[file]} == {"pkg/lib.py"}


@pytest.mark.parametrize("text", IMPORTS.values(), ids=IMPORTS)
def test_none_of_these_is_unresolved_or_foreign(project: Project, text: str) -> None:
    found = project.of({**LIBRARY, STEPS: text})
    assert found.packages == frozenset()
    assert [name for name in found.unresolved if "FRESH" not in name] == []


def test_a_package_init_counts_only_by_what_it_passes_on(project: Project) -> None:
    text = {**LIBRARY, STEPS: "from .sub import g\ndef f(): return g()"}
    before = project.of(text)
    assert before == project.of({"pkg/sub/__init__.py": "from ..lib import g\nOTHER = 1\n"})
    assert before != project.of({"pkg/sub/__init__.py": "from ..lib import h as g\n"})


def test_swapped_import_names_change_a_step(project: Project) -> None:
    text = "from .lib import g as a, h as b\ndef f(): return a() - b()"
    before = project.of({**LIBRARY, STEPS: text})
    assert before != project.of({STEPS: text.replace("g as a, h as b", "h as a, g as b")})


def test_names_of_the_standard_library_count(project: Project) -> None:
    text = "from math import sin as wave\ndef f(x): return wave(x)"
    assert project.steps(text) != project.steps(text.replace("sin", "cos"))


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    from . import lib\n    return lib.g()",
        "def f():\n    from pkg import lib as q\n    return q.g()",
        "def f():\n    import pkg.lib\n    return pkg.lib.g()",
        "from . import lib\ndef f(): return lib.g()",
        "import pkg.lib as q\ndef f(): return q.g()",
        "from .lib import *\ndef f(): return g()",
    ],
)
def test_a_module_counts_only_by_what_is_taken_from_it(project: Project, text: str) -> None:
    before = project.of({"pkg/lib.py": "def g(): pass\ndef h(): return 1", STEPS: text})
    assert before == project.of({"pkg/lib.py": "def g(): pass\ndef h(): return 2"})
    assert before != project.of({"pkg/lib.py": "def g(): return 1\ndef h(): return 2"})


def test_a_registration_counts_only_where_its_module_is_loaded(project: Project) -> None:
    text = "from .registry import TABLE\ndef f(): return TABLE"
    before = project.of({**LIBRARY, STEPS: text})
    assert "pkg/plugged.py" not in before.code
    for loading in ("from . import plugged\n", "import pkg.plugged\n", "from .plugged import *\n"):
        assert "pkg/plugged.py" in project.of({STEPS: loading + text}).code
    inside = "from .registry import TABLE\ndef f():\n    from . import plugged\n    return TABLE"
    assert "pkg/plugged.py" in project.of({STEPS: inside}).code
    assert "pkg/plugged.py" in project.of({STEPS: text, "pkg/__init__.py": "from . import plugged"}).code


OPEN = {
    "f-string": "from importlib import import_module\ndef f(*, n): return import_module(f'.formats.{n}', __package__)",
    "own package first": "import importlib\ndef f(*, n): return importlib.import_module(f'{__package__}.formats.{n}')",
    "absolute": "import importlib\ndef f(*, n): return importlib.import_module(f'pkg.formats.{n}')",
    "sum": "import importlib\ndef f(*, n): return importlib.import_module('pkg.formats.' + n)",
    "sum with own package": "import importlib as i\ndef f(*, n): return i.import_module(__package__ + '.formats.' + n)",
    "any": "import importlib\ndef f(*, n): return importlib.import_module(n, __package__)",
    "discovered": "from . import formats\ndef f(): return formats.ALL",
}


@pytest.mark.parametrize("text", OPEN.values(), ids=OPEN)
def test_an_import_by_a_made_up_name_takes_the_whole_package(project: Project, text: str) -> None:
    discovery = "import pkgutil\nALL = [name for _, name, _ in pkgutil.iter_modules(__path__)]"
    files = {"pkg/formats/__init__.py": discovery, "pkg/formats/a.py": "X = 1", "pkg/formats/deep/b.py": "X = 1"}
    before = project.of({**files, STEPS: text})
    assert before != project.of({"pkg/formats/a.py": "X = 2"})
    assert {"pkg/formats/a.py", "pkg/formats/deep/b.py"} <= set(before.code)


def test_an_import_by_any_name_takes_nothing(project: Project) -> None:
    text = "import importlib\ndef f(*, n: str): return importlib.import_module(n)"
    assert set(project.of({**LIBRARY, STEPS: text}).code) == {STEPS}


def test_a_made_up_name_in_another_package_names_that(project: Project) -> None:
    found = project.of({STEPS: "import importlib\ndef f(*, n): return importlib.import_module(f'sklearn.{n}')"})
    assert found.packages == {"sklearn"}
