"""The parameters of a step: the schema that its signature is, and values checked against it.

Owns the way from a Python signature to pydantic and JSON Schema. Strict: nothing
unknown, nothing coerced (``true`` is no number, a text is no list).
"""

from __future__ import annotations

import functools
import inspect
import json
import sys
import types
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steadily.errors import PluginError, Problem, listed, near
from steadily.lookups import Features
from steadily.steps import StepDefinition, Table, signature_of

if TYPE_CHECKING:
    import pydantic

WORDS = {
    "list_type": "has to be a list",
    "dict_type": "has to be a mapping",
    "string_type": "has to be text",
    "bool_type": "has to be true or false",
    "int_type": "has to be a whole number",
    "float_type": "has to be a number",
    "finite_number": "has to be a finite number",
    "none_required": "has to be null",
}


def parameters_of(found: StepDefinition) -> dict[str, inspect.Parameter]:
    """Give the step's parameters: what its signature has by keyword."""
    items = signature_of(found).parameters.items()
    return {name: item for name, item in items if item.kind is inspect.Parameter.KEYWORD_ONLY}


def tables_of(found: StepDefinition) -> tuple[str, ...]:
    """Name the parameters that are given a further input of the stage: whole, or for lookups."""
    return tuple(name for name in parameters_of(found) if is_input(annotation_of(found, name)))


def features_of(found: StepDefinition) -> tuple[str, ...]:
    """Name those of them that are asked for values of a feature set."""
    return tuple(name for name in parameters_of(found) if is_input(annotation_of(found, name), (Features,)))


def is_input(annotation: Any, marks: tuple[type, ...] = (Table, Features)) -> bool:
    """Tell whether an annotation is ``Table``, ``Features``, or one of them ``| None``."""
    return annotation in marks or any(one in marks for one in typing.get_args(annotation))


def named(annotation: Any) -> Any:
    """Give the type that a parameter has in the configuration, where an input of the stage is named by a text."""
    if not is_input(annotation):
        return annotation
    return str | None if type(None) in typing.get_args(annotation) else str


def annotation_of(found: StepDefinition, name: str) -> Any:
    """Resolve one parameter's annotation in its module, leaving the frame's own (``pd`` may be absent)."""
    target = found.target.__init__ if inspect.isclass(found.target) else found.target
    annotation = parameters_of(found)[name].annotation
    if annotation is inspect.Parameter.empty:
        raise PluginError.at(f"step {found.name!r}", f"parameter {name!r} has no type annotation")
    holder = types.SimpleNamespace(__annotations__={name: annotation})
    space = vars(sys.modules[target.__module__])
    try:
        return typing.get_type_hints(holder, globalns=dict(space), include_extras=True)[name]
    except NameError as error:
        raise PluginError.at(
            f"step {found.name!r}",
            f"the annotation of parameter {name!r} can't be resolved: {error}",
            hint="import the name at run time, not under TYPE_CHECKING",
        ) from error


@functools.lru_cache(maxsize=256)
def model_of(found: StepDefinition) -> type[pydantic.BaseModel]:
    """Make the pydantic model of the step's parameters."""
    import pydantic

    fields: dict[str, Any] = {}
    for name, parameter in parameters_of(found).items():
        annotation = annotation_of(found, name)
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[name] = (named(annotation), default)
    config = pydantic.ConfigDict(
        extra="forbid", strict=True, arbitrary_types_allowed=False, protected_namespaces=(), allow_inf_nan=False
    )
    try:
        # The field "schema" or "copy" would hide a method of pydantic's own: an alias keeps any name possible.
        renamed = {
            f"p_{name}": (annotation, pydantic.Field(default, alias=name))
            for name, (annotation, default) in fields.items()
        }
        return pydantic.create_model(found.name, __config__=config, **renamed)  # type: ignore[call-overload, no-any-return]
    except pydantic.errors.PydanticSchemaGenerationError as error:
        raise no_schema(found, error) from error


def schema_of(found: StepDefinition) -> dict[str, Any]:
    """Give the JSON Schema of the step's parameters."""
    import pydantic

    try:
        return model_of(found).model_json_schema(by_alias=True)
    except pydantic.errors.PydanticInvalidForJsonSchema as error:
        raise no_schema(found, error) from error


def no_schema(found: StepDefinition, error: Exception) -> PluginError:
    """Say that a step has parameters of a type that no YAML can give."""
    words = str(error).partition("\n")[0].partition(". ")[0]
    return PluginError(Problem(f"step {found.name!r}", f"its parameters make no schema: {words}"))


def read_parameters(found: StepDefinition, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[Wrong]]:
    """Check ``values`` against the step's schema.

    Returns:
        The keyword arguments for the step (empty where anything is wrong), and what is wrong.
    """
    import pydantic

    try:
        model = model_of(found).model_validate_json(json.dumps(dict(values), ensure_ascii=False))
    except pydantic.ValidationError as error:
        names = list(parameters_of(found))
        return {}, [wrong_of(item, names) for item in error.errors(include_url=False)]
    except ValueError as error:
        return {}, [Wrong((), str(error))]
    return {name: getattr(model, f"p_{name}") for name in parameters_of(found) if name in given(model)}, []


def given(model: pydantic.BaseModel) -> set[str]:
    """Name the parameters that were given: the others keep the signature's own default."""
    return {name.removeprefix("p_") for name in model.model_fields_set}


class Wrong(typing.NamedTuple):
    """What is wrong with one parameter, and where in the parameters it stands."""

    path: tuple[str | int, ...]
    what: str
    given: object = None
    allowed: str | None = None
    hint: str | None = None

    def at(self, where: str) -> Problem:
        """Make a problem of it."""
        return Problem(where, self.what, self.given, self.allowed, self.hint)


def wrong_of(item: Any, names: list[str]) -> Wrong:
    """Say in our words what pydantic found."""
    path = tuple(item["loc"])
    if item["type"] == "extra_forbidden":
        name = str(path[-1])
        allowed = names if len(path) == 1 else []
        return Wrong(path, f"unknown parameter {name!r}", None, listed(allowed) or None, near(name, allowed))
    if item["type"] == "missing":
        return Wrong(path, f"parameter {str(path[-1])!r} is missing")
    message = WORDS.get(item["type"]) or item["msg"][:1].lower() + item["msg"][1:]
    name = ".".join(str(part) for part in path)
    return Wrong(path, f"parameter {name!r}: {message}", json.dumps(item["input"], ensure_ascii=False, default=str))
