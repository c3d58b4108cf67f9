"""A project's configuration, composed from ``conf/`` by Hydra, with everything that is wrong with it at once.

Owns the only import of Hydra. What the values mean (steps, datasets, graph) is
checked by those who use them; ``Composed.locate`` tells them file and line.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from steadily.config import defaults, openvalues
from steadily.config.conffiles import CONF, digest, plugin_folders, shown, yaml_files
from steadily.config.locate import Keys, Layer, find, reference
from steadily.errors import ConfigError, Problem, listed, near
from steadily.yamltext.check import disagreements, parse, parse_problem, scalars

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

__all__ = ["Composed", "compose", "digest", "operate"]

PIPELINE: Final = "config"
OPERATE: Final = "operate"
COMMAND_LINE: Final = "command line"


@dataclass(frozen=True)
class Composed:
    """The composed configuration: plain resolved values, and where each of them comes from.

    ``files`` are those that were read, in the order in which they are merged,
    relative to the project where they lie inside it. ``choices`` are the options
    that were taken, by group.
    """

    values: dict[str, Any]
    files: tuple[Path, ...]
    choices: dict[str, str | None] = field(default_factory=dict)
    layers: tuple[Layer, ...] = field(default=(), repr=False)
    fallback: str = "conf/config.yaml"

    def locate(self, *keys: str | int) -> str:
        """Give ``file:line`` of what defines the deepest known part of a path in the values.

        Args:
            keys: The path, such as ``"stages", "clean", "steps"``.

        Returns:
            Such as ``conf/clean/default.yaml:7``; ``command line`` for an override;
            the primary config where nothing is known.
        """
        return find(self.layers, keys).where or self.fallback


@dataclass(frozen=True)
class Draft:
    """What Hydra composed, before interpolations are resolved."""

    tree: DictConfig
    raw: dict[str, Any]
    layers: tuple[Layer, ...]
    files: tuple[Path, ...]
    choices: dict[str, str | None]


def compose(project: Path, name: str = PIPELINE, overrides: Sequence[str] = ()) -> Composed:
    """Compose a primary config of a project.

    Args:
        project: The project's folder, which has ``conf/``.
        name: ``config`` (the pipeline) or ``operate``.
        overrides: In Hydra's grammar, such as ``model=svm``.

    Raises:
        ConfigError: All that is wrong, with file and line.
    """
    project = project.absolute()
    primary = project / CONF / f"{name}.yaml"
    if not primary.is_file():
        hint = None if (project / CONF).is_dir() else f"there is no {CONF}/ in {project}; is this the project's folder?"
        raise ConfigError(Problem(f"{CONF}/{name}.yaml", "there is no such file", hint=hint))
    operating = name == OPERATE
    problems = file_problems(project, [primary] if operating else list(yaml_files(project / CONF)))
    own = self_problem(primary, f"{CONF}/{name}.yaml")
    problems += [own] if own and not problems else []
    try:
        draft = drafted(project, name, list(overrides))
    except ConfigError as error:
        raise ConfigError(*problems, *new(error.problems, problems)) from error.__cause__
    elsewhere = [
        project / file for file in draft.files if (operating and project / file != primary) or file.is_absolute()
    ]
    return finished(project, name, draft, problems + file_problems(project, elsewhere))


def finished(project: Path, name: str, draft: Draft, problems: list[Problem]) -> Composed:
    """Resolve a draft, or raise all that is wrong with it."""
    from omegaconf import OmegaConf

    fallback = f"{CONF}/{name}.yaml"
    composed = Composed({}, draft.files, draft.choices, draft.layers, fallback)
    problems += openvalues.problems(
        draft.raw,
        lambda keys: composed.locate(*keys),
        lambda keys: resolved_at(draft.tree, keys),
        operating=name == OPERATE,
    )
    if problems:
        raise ConfigError(*problems)
    values = OmegaConf.to_container(draft.tree, resolve=True, throw_on_missing=True)
    return Composed(dict(values), draft.files, draft.choices, draft.layers, fallback)  # type: ignore[arg-type]


def operate(project: Path) -> Composed:
    """Compose ``conf/operate.yaml``, which may read the environment; it is empty where there is no such file.

    Raises:
        ConfigError: All that is wrong with it, never with a resolved value in its words.
    """
    return compose(project, OPERATE) if (project / CONF / f"{OPERATE}.yaml").is_file() else Composed({}, ())


def file_problems(project: Path, files: Sequence[Path]) -> list[Problem]:
    """List what is wrong with YAML files in themselves."""
    found: list[Problem] = []
    for file in files:
        where = shown(file, project)
        if file.suffix != ".yaml":
            found.append(
                Problem(where, "Hydra reads files that end in .yaml only", hint=f"rename it to {file.stem}.yaml")
            )
            continue
        try:
            found += disagreements(file.read_text(encoding="utf-8"), where)
        except UnicodeDecodeError as error:
            found.append(
                Problem(where, "the file is not UTF-8 text", given=f"byte {error.start}", hint="save it as UTF-8")
            )
        except OSError as error:
            found.append(Problem(where, "the file can't be read", given=error.strerror))
    return found


def self_problem(primary: Path, where: str) -> Problem | None:
    """Check the primary file's defaults list for ``_self_``."""
    try:
        return defaults.self_problem(parse(primary.read_text(encoding="utf-8")), where)
    except (yaml.YAMLError, ValueError, OSError):
        return None  # told by the check of the file itself


def new(found: Sequence[Problem], known: Sequence[Problem]) -> list[Problem]:
    """Give those problems which are not yet known; a generic one of Hydra's only where nothing else is."""
    specific = [
        problem for problem in found if problem.where.rpartition(":")[2].isdigit() or problem.where == COMMAND_LINE
    ]
    told = {problem.where for problem in known}  # the two parsers of YAML word the same trouble in two ways
    return [problem for problem in specific if problem.where not in told] if known else list(found)


@contextmanager
def hydra_at(folder: Path) -> Iterator[None]:
    """Start Hydra on a ``conf`` folder without its logs and output folders, and leave no trace of it."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    try:
        with warnings.catch_warnings(), initialize_config_dir(str(folder), version_base="1.3"):
            warnings.simplefilter("ignore")  # its warnings name no file; what matters is checked before
            yield
    finally:
        GlobalHydra.instance().clear()


def drafted(project: Path, name: str, overrides: list[str]) -> Draft:
    """Let Hydra compose, and tell its errors with file and line."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    parsed = parsed_overrides(overrides)
    with hydra_at(project / CONF):
        try:
            return composed_by_hydra(project, name, overrides, parsed)
        except (
            HydraException,
            OmegaConfBaseException,
            yaml.YAMLError,
            ValueError,
            AssertionError,
            OSError,
            RecursionError,
        ) as error:
            problems = explained(project, name, parsed, error)
            cause = None if name == OPERATE else error
    raise ConfigError(*problems) from cause


def parsed_overrides(overrides: Sequence[str]) -> list[Override]:
    """Parse overrides, all that can't be parsed at once."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser, parsed, problems = OverridesParser.create(), [], []
    for text in overrides:
        try:
            parsed += parser.parse_overrides([text])
        except HydraException as error:
            problems.append(Problem(COMMAND_LINE, "an override that can't be read", given=text, hint=first_line(error)))
    if problems:
        raise ConfigError(*problems)
    return parsed


def composed_by_hydra(project: Path, name: str, overrides: list[str], parsed: Sequence[Override]) -> Draft:
    """Compose, and note which files went in under which package."""
    import hydra
    from hydra.core.global_hydra import GlobalHydra
    from hydra.types import RunMode
    from omegaconf import OmegaConf, open_dict

    tree = hydra.compose(name, overrides, return_hydra_config=True)
    listing = GlobalHydra.instance().config_loader().compute_defaults_list(name, overrides, RunMode.RUN)
    roots = [source_folder(source) for source in tree.hydra.runtime.config_sources]
    choices = {
        str(key): value for key, value in tree.hydra.runtime.choices.items() if not str(key).startswith("hydra/")
    }
    with open_dict(tree):
        del tree["hydra"]
    used = [(item.config_path, item.package or "") for item in listing.defaults]
    files = [(found, package) for path, package in used if path and (found := file_in(roots, path))]
    layers = [file_layer(file, package, project) for file, package in files]
    layers += [override_layer(item) for item in listing.config_overrides]
    raw = OmegaConf.to_container(tree, resolve=False)
    inside = tuple(dict.fromkeys(relative(file, project) for file, _ in files))
    return Draft(tree, dict(raw), tuple(layers), inside, choices)  # type: ignore[arg-type]


def source_folder(source: Mapping[str, str]) -> Path | None:
    """Give the folder behind one of Hydra's config sources, or None for its own and those without files."""
    if source["schema"] == "file":
        return Path(source["path"])
    if source["schema"] != "pkg" or source["path"].startswith("hydra"):
        return None
    from importlib import resources

    return Path(str(resources.files(source["path"])))


def file_in(roots: Sequence[Path | None], name: str) -> Path | None:
    """Find the file of a config in the first folder that has it, as Hydra does."""
    files = (root / f"{name.removesuffix('.yaml')}.yaml" for root in roots if root)
    return next((file for file in files if file.is_file()), None)


def relative(file: Path, project: Path) -> Path:
    """Give a file relative to the project where it lies inside it."""
    return file.relative_to(project) if file.is_relative_to(project) else file


def file_layer(file: Path, package: str, project: Path) -> Layer:
    """Make a layer of a file that Hydra has read."""
    keys = tuple(package.split(".")) if package else ()
    return Layer(shown(file, project), keys, parse(file.read_text(encoding="utf-8")))


def override_layer(override: Override) -> Layer:
    """Make a layer of a value from the command line."""
    keys = reference("", override.key_or_group, ())
    return Layer(COMMAND_LINE, keys, None if override.is_delete() else override.value(), is_file=False)


def resolved_at(tree: DictConfig, keys: Keys) -> object:
    """Resolve what stands at ``keys``, all of it."""
    from omegaconf import OmegaConf

    node: Any = tree
    for key in keys:
        node = node[key]
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def explained(project: Path, name: str, parsed: Sequence[Override], error: Exception) -> list[Problem]:
    """Say what Hydra refused, with file, line and near names where they can be found."""
    if isinstance(error, yaml.YAMLError):  # the reader in Python is stricter here and there than the one in C
        file = getattr(getattr(error, "problem_mark", None), "name", "")
        return [parse_problem(error, shown(Path(file), project) if file else f"{CONF}/{name}.yaml", "")]
    folders = defaults.Folders(project, (project / CONF, *(folder for _, folder in plugin_folders())))
    chosen = {
        item.key_or_group: str(item.value())
        for item in parsed
        if folders.is_group(item.key_or_group) and isinstance(item.value(), str) and not item.is_delete()
    }
    found = defaults.problems(folders, name, chosen)
    found = found or malformed(project) or override_problems(project, name, parsed, folders)
    given = [item.input_line for item in parsed if item.input_line]
    secret = name == OPERATE  # a message may quote what was resolved
    words = type(error).__name__ if secret else first_line(error)
    return found or [Problem(blamed(error, project, name, given), f"Hydra can't compose this: {words}")]


def malformed(project: Path) -> list[Problem]:
    """List the interpolations in the project's files that can't be parsed, such as one that is not closed."""
    found = []
    for file in yaml_files(project / CONF):
        try:
            root = parse(file.read_text(encoding="utf-8"))
        except (yaml.YAMLError, ValueError, OSError, RecursionError):
            continue  # told by the check of each file
        found += [
            Problem(
                f"{shown(file, project)}:{node.start_mark.line + 1}", "an interpolation that can't be read", given=bad
            )
            for node in scalars(root)
            if (bad := bad_interpolation(node.value))
        ]
    return found


def bad_interpolation(text: str) -> str | None:
    """Give the part of ``text`` from its first interpolation on where OmegaConf can't parse it."""
    from omegaconf.errors import GrammarParseError
    from omegaconf.grammar_parser import parse as parse_grammar

    if "${" not in text:
        return None
    try:
        parse_grammar(text)
    except GrammarParseError:
        return text[text.index("${") :]
    return None


def override_problems(project: Path, name: str, parsed: Sequence[Override], folders: defaults.Folders) -> list[Problem]:
    """List the overrides whose key is not in the configuration that they are to change."""
    groups = [item.input_line or "" for item in parsed if folders.is_group(item.key_or_group)]
    values = [item for item in parsed if not folders.is_group(item.key_or_group) and not item.is_add()]
    if not values:
        return []
    try:
        draft = composed_by_hydra(project, name, groups, [])
    except Exception:  # then the groups themselves are wrong, and that is told in another place
        return []
    found = [missing_key(draft.raw, item.key_or_group, item.input_line or "", folders) for item in values]
    return [problem for problem in found if problem]


def missing_key(raw: Mapping[str, Any], key: str, given: str, folders: defaults.Folders) -> Problem | None:
    """Tell what an override's key lacks, if it is not in ``raw``."""
    target = reference("", key, ())
    known, depth = openvalues.missing_at(raw, target)
    if depth == len(target):
        return None
    names = [str(one) for one in known] if isinstance(known, Mapping) else []
    names = sorted({*names, *(folders.groups() if depth == 0 else [])})
    holder = f"'{openvalues.dotted(target[:depth])}'" if depth else "the configuration"
    missing = str(target[depth])
    hint = near(missing, names) or f"to add it write +{given}"
    return Problem(COMMAND_LINE, f"{holder} has no '{missing}'", given=given, allowed=listed(names) or None, hint=hint)


def blamed(error: Exception, project: Path, name: str, given: Sequence[str]) -> str:
    """Give the place that Hydra's message speaks of: an override, a defaults list's entry, or a file."""
    words = str(error)
    if any(text in words for text in given):
        return COMMAND_LINE
    match = re.search(r"In '?([^':]+)", words) or re.search(r"in '([^']+)', defaults", words)
    name = (match[1] if match else name).removesuffix(".yaml")
    file = project / CONF / f"{name}.yaml"
    line = defaults.line_of(file, words) if file.is_file() else None
    return f"{shown(file, project)}:{line}" if line else shown(file, project)


def first_line(error: Exception) -> str:
    """Give the first words of an error, or of the one behind it, that say something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return first_line(error.__cause__) if isinstance(error.__cause__, Exception) else type(error).__name__
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
