"""Reading a contract's mapping, in pandera's own YAML form, and telling all that is wrong with it.

Owns which of pandera's keys a contract may use, and why it may not use the
others. Standard library only: ``steadily check`` reads contracts without
importing pandas or pandera. What a check decides is left to ``constraints``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from steadily.contract.constraints import ALIASES, SPECS, Argument, Constraint, Spec
from steadily.contract.values import READERS
from steadily.dtypes import DTYPES, FAMILY, MASKED, NOT_TYPES, OTHER_NAMES
from steadily.errors import Problem, near

DOCUMENTATION = {"schema_type", "version", "api", "dataframe_library", "name", "title", "description", "metadata"}
BY_PARTITION = "a contract is checked one part of the data at a time; a step that sees all rows can drop duplicates"
CASTS = "a contract changes no value; casts that lose nothing are made without asking"
# Keys of pandera's that only their defaults may stand for, and why.
FIXED_IN_SCHEMA: dict[str, tuple[tuple[object, ...], str]] = {
    "checks": ((None, [], {}), "put a check at its column; what compares columns belongs into a step"),
    "index": ((None, []), "the index is the row id, and Steadily's own"),
    "multiindex": ((None,), "the index is the row id, and Steadily's own"),
    "dtype": ((None,), "give each column its dtype"),
    "coerce": ((None, False), CASTS),
    "ordered": ((None, False), "the columns come out in the contract's order, whatever theirs was"),
    "unique": ((None, []), BY_PARTITION),
    "report_duplicates": ((None, "all"), BY_PARTITION),
    "unique_column_names": ((None, False, True), ""),
    "add_missing_columns": ((None, False), "a contract makes no values up; use required: false or a step"),
    "drop_invalid_rows": ((None, False), "rows that fail go to quarantine without it"),
}
FIXED_IN_COLUMN: dict[str, tuple[tuple[object, ...], str]] = {
    "unique": ((None, False), BY_PARTITION),
    "coerce": ((None, False), CASTS),
    "regex": ((None, False), "name each column: a contract's columns are part of what the data is"),
    "default": ((None,), "a contract makes no values up; a step can fill them in, and the ledger then shows it"),
    "report_duplicates": ((None, "all"), BY_PARTITION),
    "drop_invalid_rows": ((None, False), "rows that fail go to quarantine without it"),
}
COLUMN_KEYS = ("dtype", "nullable", "required", "checks")
OPTIONS = ("check_name", "error", "raise_warning", "ignore_na", "n_failure_cases", "name", "title", "description")
FIXED_OPTIONS = {"ignore_na": "a missing value is the matter of nullable", "groupby": "", "groups": ""}

Key = str | int
Where = Callable[..., str]


@dataclass(frozen=True)
class Column:
    """A column of a contract: its canonical type, whether it may be missing, and its checks."""

    name: str
    dtype: str
    nullable: bool = False
    required: bool = True
    constraints: tuple[Constraint, ...] = ()

    def form(self) -> dict[str, Any]:
        """Give the column in pandera's form."""
        checks = [constraint.form() for constraint in self.constraints]
        about = {"name": self.name, "dtype": self.dtype, "nullable": self.nullable, "required": self.required}
        return {**about, "checks": checks}


Strict = bool | Literal["filter"]


def there(values: Any, keys: tuple[Key, ...]) -> tuple[Key, ...]:
    """Cut a path to what exists, so that it can be found in the file.

    >>> there({"columns": {"n": {"checks": {"ge": "x"}}}}, ("columns", "n", "checks", "ge", "min_value"))
    ('columns', 'n', 'checks', 'ge')
    """
    for depth, key in enumerate(keys):
        try:
            values = values[key]
        except (KeyError, IndexError, TypeError):
            return keys[:depth]
    return keys


@dataclass
class Reading:
    """Reads one contract, and keeps each problem that it meets."""

    values: object
    where: Where
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, keys: tuple[Key, ...], what: str, **about: Any) -> None:
        """Keep a problem at a key of the contract, or at the nearest one around it that is there."""
        self.problems.append(Problem(self.where(*there(self.values, keys)), what, **about))

    def schema(self) -> tuple[tuple[Column, ...], Strict]:
        """Read the whole mapping."""
        values = self.values
        if not isinstance(values, Mapping):
            self.wrong((), "a contract has to be a mapping in pandera's form", given=values, allowed="columns: {…}")
            return (), False
        self.refuse_keys((), values, ("columns", "strict"), FIXED_IN_SCHEMA)
        if values.get("schema_type", "dataframe") != "dataframe":
            self.wrong(("schema_type",), "unknown schema_type", given=values["schema_type"], allowed="dataframe")
        strict = values.get("strict")
        if strict not in (None, False, True, "filter"):
            self.wrong(("strict",), "strict is true, false or filter", given=strict)
        columns = tuple(self.columns(values.get("columns")))
        return columns, strict if isinstance(strict, bool) or strict == "filter" else False

    def refuse_keys(
        self,
        keys: tuple[Key, ...],
        values: Mapping[Any, Any],
        own: tuple[str, ...],
        fixed: Mapping[str, tuple[tuple[object, ...], str]],
    ) -> None:
        """Refuse keys that nobody knows, and values other than the default where only that may stand."""
        known = {*own, *DOCUMENTATION, *fixed}
        for key, value in values.items():
            if key not in known:
                hint = near(str(key), [*known, *SPECS])
                self.wrong((*keys, key), f"unknown key '{key}'", allowed=", ".join(own), hint=hint)
            elif key in fixed and not any(value is one or value == one != 0 for one in fixed[key][0]):
                self.wrong((*keys, key), f"'{key}' can't be set in a contract", given=value, hint=fixed[key][1])

    def columns(self, values: object) -> Iterator[Column]:
        """Read the columns, a mapping by name or pandera's list."""
        if isinstance(values, list) and values and all(isinstance(one, Mapping) and "name" in one for one in values):
            named = [(("columns", position), str(one["name"]), one) for position, one in enumerate(values)]
        elif isinstance(values, Mapping) and values:
            named = [(("columns", name), str(name), one) for name, one in values.items()]
        else:
            named = []
            self.wrong(("columns",), "a contract needs columns", given=values, allowed="columns: {NAME: {dtype: …}}")
        seen: set[str] = set()
        for keys, name, one in named:
            if name in seen:
                self.wrong(keys, f"column '{name}' is given twice")
            seen.add(name)
            if isinstance(one, Mapping):
                yield self.column(keys, name, one)
            else:
                self.wrong(keys, f"column '{name}' needs a mapping", given=one, allowed="{dtype: …, nullable: …}")

    def column(self, keys: tuple[Key, ...], name: str, values: Mapping[str, Any]) -> Column:
        """Read one column."""
        checks_here = {key for key in values if ALIASES.get(key, key) in SPECS}
        self.refuse_keys(keys, {k: v for k, v in values.items() if k not in checks_here}, COLUMN_KEYS, FIXED_IN_COLUMN)
        dtype = self.dtype((*keys, "dtype"), values.get("dtype"))
        nullable = self.flag((*keys, "nullable"), values.get("nullable"), default=False)
        required = self.flag((*keys, "required"), values.get("required"), default=True)
        if nullable and dtype in MASKED:
            what = f"{dtype} has no missing values, and '{name}' is nullable"
            self.wrong((*keys, "dtype"), what, given=dtype, hint=f"use {MASKED[dtype]}")
        if not required and not nullable:
            what = f"'{name}' may be absent (required: false), and then all of it is missing"
            self.wrong((*keys, "required"), what, hint="add nullable: true")
        flat = {key: values[key] for key in values if key in checks_here}
        constraints = tuple(self.checks(keys, values.get("checks"), flat, dtype)) if dtype else ()
        return Column(name, dtype or "str", nullable, required, constraints)

    def dtype(self, keys: tuple[Key, ...], given: object) -> str | None:
        """Read a type's name."""
        name = OTHER_NAMES.get(str(given), str(given))
        if name in DTYPES:
            return name
        hint = NOT_TYPES.get(name) or near(name, DTYPES)
        what = "a column needs a dtype" if given is None else "unknown dtype"
        self.wrong(keys, what, given=given, allowed=", ".join(DTYPES), hint=hint)
        return None

    def flag(self, keys: tuple[Key, ...], given: object, *, default: bool) -> bool:
        """Read true or false."""
        if given is None:
            return default
        if not isinstance(given, bool):
            self.wrong(keys, f"'{keys[-1]}' is true or false", given=given)
            return default
        return given

    def checks(self, keys: tuple[Key, ...], given: object, flat: Mapping[str, Any], dtype: str) -> Iterator[Constraint]:
        """Read a column's checks: a mapping by name, a list with options, or keys of the column itself."""
        found: list[tuple[tuple[Key, ...], object, object]] = [((*keys, name), name, one) for name, one in flat.items()]
        if isinstance(given, Mapping):
            found += [((*keys, "checks", name), name, one) for name, one in given.items()]
        elif isinstance(given, list):
            for position, one in enumerate(given):
                options = one.get("options") if isinstance(one, Mapping) else None
                name = options.get("check_name") if isinstance(options, Mapping) else None
                found.append(((*keys, "checks", position), name, one))
        elif given is not None:
            form = "{isin: [a, b]}, or a list of {allowed_values: [a, b], options: {check_name: isin}}"
            self.wrong((*keys, "checks"), "checks have to be a mapping or a list", given=given, allowed=form)
        for at, name, one in found:
            constraint = self.check(at, name, one, dtype)
            if constraint:
                yield constraint

    def check(self, keys: tuple[Key, ...], name: object, given: object, dtype: str) -> Constraint | None:
        """Read one check."""
        check = self.known_check(keys, name, dtype, given)
        if check is None:
            return None
        family = FAMILY.get(dtype, dtype)
        before = len(self.problems)
        arguments, options = self.split(keys, given, SPECS[check])
        typed = {
            one: self.argument((*keys, one), one, value, SPECS[check].arguments[one], family)
            for one, value in arguments.items()
        }
        self.refuse_options(keys, options)
        if len(self.problems) == before:
            self.refuse_empty(keys, check, typed)
        if len(self.problems) > before:
            return None
        ordered = tuple((one, typed[one]) for one in SPECS[check].arguments if one in typed)
        return Constraint(check, ordered, options.get("error"), bool(options.get("raise_warning")))

    def known_check(self, keys: tuple[Key, ...], name: object, dtype: str, given: object) -> str | None:
        """Give the check's own name, if there is such a check and it is for columns of this type."""
        check = ALIASES.get(name, name) if isinstance(name, str) else ""
        families = SPECS[check].families if check in SPECS else ()
        if not check:
            self.wrong(keys, "a check in a list needs options: {check_name: …}", given=given)
        elif not families:
            hint = BY_PARTITION if check == "unique_values_eq" else near(check, [*SPECS, *ALIASES])
            self.wrong(keys, f"unknown check '{name}'", allowed=", ".join(SPECS), hint=hint)
        elif FAMILY.get(dtype, dtype) not in families:
            self.wrong(keys, f"{check} is for columns of {' or '.join(families)}", given=dtype)
        else:
            return check
        return None

    def split(self, keys: tuple[Key, ...], given: object, spec: Spec) -> tuple[dict[str, Any], dict[str, Any]]:
        """Tell a check's arguments from its options; refuse unknown and miss needed ones."""
        if not isinstance(given, Mapping):
            only = "exact_value" if "exact_value" in spec.arguments else next(iter(spec.arguments))
            given = {} if given is None else {only: given}
        options = {key: value for key, value in given.items() if key in OPTIONS or key in FIXED_OPTIONS}
        inner = given.get("options")
        options |= inner if isinstance(inner, Mapping) else {}
        arguments = {key: one for key, one in given.items() if key != "options" and key not in options}
        if list(arguments) == ["value"] and "value" not in spec.arguments:
            arguments = {next(iter(spec.arguments)): arguments["value"]}
        unknown = [key for key in arguments if key not in spec.arguments]
        for key in unknown:
            hint = near(str(key), spec.arguments)
            self.wrong((*keys, key), f"unknown argument '{key}'", allowed=", ".join(spec.arguments), hint=hint)
            del arguments[key]
        for key in spec.needed:
            if arguments.get(key) is None and not unknown:
                self.wrong(keys, f"argument '{key}' is missing", allowed=", ".join(spec.arguments))
        return {key: one for key, one in arguments.items() if one is not None}, options

    def refuse_options(self, keys: tuple[Key, ...], options: Mapping[str, Any]) -> None:
        """Refuse options that are unknown or change what a check means."""
        for key, value in options.items():
            if key not in OPTIONS and key not in FIXED_OPTIONS:
                hint = near(str(key), OPTIONS)
                self.wrong((*keys, "options", key), f"unknown option '{key}'", allowed=", ".join(OPTIONS), hint=hint)
            elif key in FIXED_OPTIONS and value not in (None, key == "ignore_na"):
                what = f"option '{key}' can't be set in a contract"
                self.wrong((*keys, "options", key), what, given=value, hint=FIXED_OPTIONS[key] or None)
        if options.get("raise_warning") not in (None, True, False):
            self.wrong((*keys, "options", "raise_warning"), "raise_warning is true or false")
        if not isinstance(options.get("error"), str | None):
            self.wrong((*keys, "options", "error"), "error is the text to show", given=options["error"])

    def argument(self, keys: tuple[Key, ...], name: str, given: Any, kind: Argument, family: str) -> Any:
        """Read one argument of a check, or keep the problem."""
        try:
            return READERS[kind](given, family)
        except ValueError as error:
            self.wrong(keys, f"{name} {error}", given=repr(given) if isinstance(given, str) else given)
            return None

    def refuse_empty(self, keys: tuple[Key, ...], check: str, arguments: Mapping[str, Any]) -> None:
        """Refuse bounds that no value can keep."""
        low, high = arguments.get("min_value"), arguments.get("max_value")
        if check == "str_length" and not arguments:
            self.wrong(keys, "str_length needs a length", allowed=", ".join(SPECS[check].arguments))
        if check == "str_length" and "exact_value" in arguments and len(arguments) > 1:
            self.wrong(keys, "exact_value can't stand beside min_value or max_value")
        open_end = not (arguments.get("include_min", True) and arguments.get("include_max", True))
        if low is not None and high is not None and (low > high or (low == high and open_end)):
            self.wrong(keys, "no value can keep these bounds", given=f"min_value {low}, max_value {high}")
