"""From a configuration's ``{use: import.path, …}`` to scikit-learn's estimators.

Owns finding the class, checking its arguments before any data is read, and
making the instance. What an estimator is for, a block of features or the model
itself, is said by those who ask for it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

from steadily import PluginError
from steadily_sklearn.trusted import FUNCTIONS, GROUP, may_be_kept
from steadily_sklearn.wording import any_near, shown

KEY = "use"
NO_ARGUMENT = inspect.Parameter.empty


def build(spec: Mapping[str, Any], where: str, *, seed: int) -> Any:
    """Make the estimator that ``spec`` describes, its arguments checked.

    Args:
        spec: The import path under ``use``; all other keys are arguments, in which further ``use`` may be nested.
        where: The place in the configuration, for errors.
        seed: Goes to each ``random_state`` that is not given.

    Raises:
        PluginError: The class can't be found, or is not given what it takes.
    """
    target = found(spec, where)
    if not inspect.isclass(target):
        return function(target, spec, where)
    refuse_unfit(target, spec[KEY], where)
    arguments = {name: value for name, value in spec.items() if name != KEY}
    allowed = parameters_of(target)
    for name in arguments:
        refuse_unknown(name, target, allowed, where)
    built = {name: nested(value, f"{where}.{name}", seed=seed) for name, value in arguments.items()}
    if "random_state" in allowed and built.get("random_state") is None:  # null would be another model each time
        built["random_state"] = seed
    constraints = getattr(target, "_parameter_constraints", {})
    checked = {name: fitting(name, value, target, constraints.get(name), where) for name, value in built.items()}
    missing = [name for name, default in allowed.items() if default is NO_ARGUMENT and name not in checked]
    if missing:
        raise PluginError.at(where, f"{target.__name__} needs the argument {missing[0]!r}")
    return target(**checked)


def nested(value: Any, where: str, *, seed: int) -> Any:
    """Make the estimators inside an argument.

    >>> nested([1, {"a": 2}], "here", seed=0)
    [1, {'a': 2}]
    """
    if isinstance(value, Mapping):
        if KEY in value:
            return build(value, where, seed=seed)
        return {name: nested(part, f"{where}.{name}", seed=seed) for name, part in value.items()}
    if isinstance(value, list):
        return [nested(part, f"{where}[{place}]", seed=seed) for place, part in enumerate(value)]
    return value


def found(spec: Mapping[str, Any], where: str) -> Any:
    """Give what the import path under ``use`` names.

    Raises:
        PluginError: There is no such package, module or name.
    """
    path = spec.get(KEY)
    if not isinstance(path, str) or "." not in path.strip("."):
        raise PluginError.at(
            where, "'use' has to be an import path", given=shown(path), hint="such as sklearn.linear_model.Ridge"
        )
    module_name, _, name = path.rpartition(".")
    module = imported(module_name, where)
    try:
        return getattr(module, name)
    except AttributeError:
        names = [known for known in dir(module) if known[0].isupper()] or dir(module)
        raise PluginError.at(where, f"{module_name} has no {name!r}", hint=any_near(name, names)) from None
    except ImportError as error:  # scikit-learn's experimental classes ask for a further import
        raise PluginError.at(where, f"{path} can't be imported", given=shown(str(error))) from error


def imported(name: str, where: str) -> Any:
    """Import the module ``name``, and say which part of it is not there."""
    top = name.partition(".")[0]
    if not top or importlib.util.find_spec(top) is None:
        raise PluginError.at(
            where, f"there is no package {top!r} here", hint=any_near(top, ["sklearn"]) or f"install {top} first"
        )
    reached = importlib.import_module(top)
    for part in name.split(".")[1:]:
        try:
            reached = importlib.import_module(f"{reached.__name__}.{part}")
        except ModuleNotFoundError as error:
            if error.name != f"{reached.__name__}.{part}":
                raise PluginError.at(
                    where, f"{name} can't be imported", given=error, hint="install it first"
                ) from error
            parts = [module.name for module in pkgutil.iter_modules(getattr(reached, "__path__", []))]
            raise PluginError.at(
                where, f"{reached.__name__} has no module {part!r}", hint=any_near(part, parts)
            ) from error
    return reached


def refuse_unfit(target: type, path: str, where: str) -> None:
    """Refuse a class that is no estimator, or one that a model file could not give back."""
    if not (callable(getattr(target, "fit", None)) and callable(getattr(target, "get_params", None))):
        raise PluginError.at(
            where, f"{path} is not an estimator of scikit-learn's kind; it has no fit or no get_params"
        )
    if not may_be_kept(target):
        raise PluginError.at(
            where,
            f"{path} can't be loaded back from a model file, which holds scikit-learn's own estimators only",
            hint=f"its package may declare it with an entry point of the group {GROUP!r}",
        )


def function(target: Any, spec: Mapping[str, Any], where: str) -> Callable[..., Any]:
    """Give a function that an argument names: numpy's elementwise ones, and scikit-learn's scores of columns."""
    import numpy as np

    allowed = isinstance(target, np.ufunc) or f"{target.__module__}.{target.__qualname__}" in FUNCTIONS
    if not callable(target) or not allowed:
        raise PluginError.at(
            where,
            f"{spec[KEY]} is neither an estimator nor a function that a model file may hold",
            allowed="estimators, numpy's elementwise functions, scores of sklearn.feature_selection",
        )
    if len(spec) > 1:
        raise PluginError.at(where, f"{spec[KEY]} is a function and takes no arguments here")
    return target  # type: ignore[no-any-return]


def parameters_of(target: type) -> dict[str, Any]:
    """Give the arguments of an estimator with their defaults."""
    signature = inspect.signature(target).parameters.values()
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {parameter.name: parameter.default for parameter in signature if parameter.kind in named}


def refuse_unknown(name: str, target: type, allowed: Mapping[str, Any], where: str) -> None:
    """Refuse an argument that the estimator does not have."""
    if name not in allowed:
        raise PluginError.at(
            f"{where}.{name}",
            f"{target.__name__} has no parameter {name!r}",
            allowed=", ".join(sorted(allowed)),
            hint=any_near(name, allowed),
        )


def fitting(name: str, value: Any, target: type, constraints: Any, where: str) -> Any:
    """Give the value of an argument in the type that scikit-learn asks for.

    Raises:
        PluginError: scikit-learn's own constraints for the parameter refuse it.
    """
    from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints

    if constraints is None or isinstance(constraints, str):
        return value
    if isinstance(value, list) and tuple in constraints and list not in constraints:
        value = tuple(value)
    try:
        validate_parameter_constraints({name: constraints}, {name: value}, caller_name=target.__name__)
    except InvalidParameterError as error:
        raise PluginError.at(f"{where}.{name}", refusal(error)) from error
    if isinstance(value, bool) and not takes_booleans(constraints):
        raise PluginError.at(
            f"{where}.{name}",
            f"the {name!r} parameter of {target.__name__} can't be true or false",
            given=shown(value),
        )
    return value


def refusal(error: Exception) -> str:
    """Word scikit-learn's refusal as ours: no capital letter, no full stop.

    >>> refusal(ValueError("The 'C' parameter of X must be a float. Got 'a' instead."))
    "the 'C' parameter of X must be a float. Got 'a' instead"
    """
    text = str(error).rstrip(".")
    return text[:1].lower() + text[1:]


def takes_booleans(constraints: list[Any]) -> bool:
    """Tell whether a parameter may be true or false.

    >>> takes_booleans([float, "boolean"]), takes_booleans([float])
    (True, False)
    """
    return any(kind in ("boolean", "verbose", bool) for kind in constraints if isinstance(kind, str | type))
