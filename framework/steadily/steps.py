"""What a step is: the decorator, the kinds, and the definition that it leaves on the function or class.

Owns the shape of a step and nothing that runs one. It stays light (standard
library only), since every plugin imports it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from steadily.errors import PluginError

if TYPE_CHECKING:
    import pandas as pd

    Table = pd.DataFrame
else:

    class Table:
        """Marks a parameter that names a further input of the stage; the step is given its rows whole."""


Kind = Literal["source", "row", "learned", "dataset", "split", "features", "model", "evaluation"]
KINDS: tuple[Kind, ...] = ("source", "row", "learned", "dataset", "split", "features", "model", "evaluation")
MARK = "__steadily_step__"
METHODS: dict[Kind, tuple[str, ...]] = {
    "source": ("read", "version"),
    "learned": ("learn", "merge", "apply"),
    "features": ("collect", "combine", "describe"),
    "model": ("fit", "load"),
}
NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")

ImportPath = Annotated[str, "import path"]
Row = Mapping[str, Any]
OneRow = Callable[[Row], "Row | None"]
Single = Callable[..., OneRow]
T = TypeVar("T", bound=Callable[..., object])


@dataclass(frozen=True)
class StepDefinition:
    """A registered step: its name, its kind, and the function or class behind it.

    ``reads`` are the names of the parameters that list the columns which the step
    looks at, whichever others there are; None means that it does not say, so
    that it is shown all. Steps that have to see all rows are shown these columns
    only, and the steps before them need no others in their turn.
    ``files`` are files beside the step's module whose content is part of its version.
    ``plots`` are the plots that an evaluation gives, each with DVC's settings for it
    (template, x, y, title and so on; https://dvc.org/doc/user-guide/project-structure/dvcyaml-files).
    ``single`` makes the same of one row, for serving; see ``step``.
    """

    name: str
    kind: Kind
    target: Callable[..., object]
    reads: tuple[str, ...] | None = None
    files: tuple[str, ...] = ()
    plots: Mapping[str, Mapping[str, str]] = field(default_factory=dict, hash=False)
    single: Single | None = None

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.target) or "").partition("\n")[0]


def step(
    name: str,
    *,
    kind: Kind | None = None,
    reads: tuple[str, ...] | None = None,
    files: tuple[str, ...] = (),
    plots: Mapping[str, Mapping[str, str]] | None = None,
    single: Single | None = None,
) -> Callable[[T], T]:
    """Make a function or class a step under ``name`` ("plugin.verb"), and hand it back unchanged.

    The kind of a class follows from its methods (read/version: source;
    learn/merge/apply: learned; collect/combine/describe: features; fit/load: model). A function is a row transform
    unless ``kind`` says "dataset", "split" or "evaluation". Parameters are the
    keyword-only arguments of the function, or of the class's ``__init__``.

    ``single`` is a short cut for serving, where a frame for one row costs more than
    the step itself. It is called once with the parameters (a learned step's with its
    state before them) and gives a function that takes a row, a dict of plain values
    with None for missing (moments are aware datetimes in UTC), and gives the row as
    the step would leave it, without changing the one it got; or None where the step
    would drop it, or where it is not sure: such a row takes the way of the frame. A
    release is held to both ways giving the same before it serves.

    Raises:
        PluginError: The name is not of the form "plugin.verb", or the kind does not fit.

    >>> @step("demo.keep")
    ... def keep(frame, *, columns: list[str]):
    ...     return frame
    >>> definition_of(keep).kind
    'row'
    """

    def register(target: T) -> T:
        if not NAME.fullmatch(name):
            raise PluginError.at(f"step {name!r}", "the name has to be of the form 'plugin.verb', in lower case")
        found = StepDefinition(name, kind or kind_of(target), target, reads, files, plots or {}, single)
        refuse_misfit(found)
        setattr(target, MARK, found)
        return target

    return register


def definition_of(target: object) -> StepDefinition | None:
    """Give the definition that ``@step`` left on ``target`` itself (an inherited one does not count)."""
    found = vars(target).get(MARK) if hasattr(target, "__dict__") else None
    return found if isinstance(found, StepDefinition) else None


def kind_of(target: object) -> Kind:
    """Tell a step's kind from its form."""
    if not inspect.isclass(target):
        return "row"
    for kind, methods in METHODS.items():
        if all(callable(getattr(target, method, None)) for method in methods):
            return kind
    raise PluginError.at(
        f"class {target.__name__}",
        "its methods make it no kind of step",
        allowed="; ".join(f"{kind}: {', '.join(methods)}" for kind, methods in METHODS.items()),
    )


def refuse_misfit(found: StepDefinition) -> None:
    """Refuse a kind that the target does not have the form of, and parameters that YAML can't name."""
    where = f"step {found.name!r}"
    if found.kind not in KINDS:
        raise PluginError.at(where, "unknown kind", given=found.kind, allowed=", ".join(KINDS))
    if found.kind in METHODS and (not inspect.isclass(found.target) or kind_of(found.target) != found.kind):
        raise PluginError.at(where, f"a {found.kind} step is a class with {', '.join(METHODS[found.kind])}")
    rows = 0 if inspect.isclass(found.target) else 1  # the frame comes first, by position
    for position, parameter in enumerate(signature_of(found).parameters.values()):
        if position < rows:
            continue
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            raise PluginError.at(
                where, f"parameter {parameter.name!r} has to be keyword-only", hint="put '*' before the parameters"
            )


def signature_of(found: StepDefinition) -> inspect.Signature:
    """Give the signature behind the step; a class's is that of its ``__init__`` without ``self``."""
    return inspect.signature(found.target)
