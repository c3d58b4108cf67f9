"""Writes the pages of the reference that follow from the code: ``python docs/generate.py``.

``tests/docs/test_docs_generated.py`` fails where a page is not what this gives.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from steadily.catalog import Catalog, StepEntry
from steadily.cli import parser
from steadily.stories.steps import type_of

ROOT = Path(__file__).parents[1]
NOTE = "<!-- Written by `python docs/generate.py`: change the code's own texts. -->"
FIRST_PARTY = ("steadily_",)


def pages() -> dict[Path, str]:
    """Give the generated pages."""
    folder = ROOT / "docs" / "reference"
    return {folder / "commands.md": text_of(commands()), folder / "steps.md": text_of(steps())}


def text_of(lines: Iterator[str]) -> str:
    """Join lines."""
    return "".join(f"{line}\n" for line in lines)


def commands() -> Iterator[str]:
    """Give the reference of the command line."""
    found = parser()
    yield from ("# Commands", "", NOTE, "")
    yield "`dvc repro` is the command of every day; `steadily` answers questions and puts things right."
    yield "Each command works in the project that is the current folder, or in the one that"
    yield "`steadily --project FOLDER COMMAND` names. Exit codes: 0; 1 where Steadily refused, with an"
    yield "error that says where and why; 2 where the words are wrong."
    for name, command in subcommands(found).items():
        yield from section(name, command)


def section(name: str, command: argparse.ArgumentParser, level: str = "##") -> Iterator[str]:
    """Give the reference of one command, and after it that of the words below it."""
    below = subcommands(command)
    yield from ("", f"{level} steadily {name}", "", command.description or "")
    if not below or runs_alone(command):
        yield from ("", f"    {usage(name, command)}")
        rows = [f"- `{word(action)}`: {action.help}" for action in arguments(command)]
        if rows:
            yield from ("", *rows)
    for further, found in below.items():
        yield from section(f"{name} {further}", found, f"{level}#")


def subcommands(found: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """Give the commands by name; none where there are no words below."""
    actions = (action for action in found._actions if isinstance(action, argparse._SubParsersAction))
    return next((action.choices for action in actions), {})


def runs_alone(command: argparse.ArgumentParser) -> bool:
    """Tell whether a command does something without a word below it."""
    return not any(action.required for action in command._actions if isinstance(action, argparse._SubParsersAction))


def arguments(command: argparse.ArgumentParser) -> list[argparse.Action]:
    """List what a command takes, but for --help and the words below it."""
    left_out = (argparse._HelpAction, argparse._SubParsersAction)
    return [action for action in command._actions if not isinstance(action, left_out)]


def word(action: argparse.Action) -> str:
    """Write one argument as it is typed."""
    name = str(action.metavar or action.dest.upper())
    if action.option_strings:
        return action.option_strings[0] + ("" if action.nargs == 0 else f" {name}")
    return name


def usage(name: str, command: argparse.ArgumentParser) -> str:
    """Write a command's words in order."""
    words = [
        f"[{word(action)}]" if action.option_strings or action.nargs == "?" else word(action)
        for action in arguments(command)
    ]
    return " ".join(["steadily", name, *words])


def steps() -> Iterator[str]:
    """Give the reference of the steps that come with Steadily."""
    catalog = Catalog(ROOT)
    own = [step for step in catalog.steps.values() if step.module.startswith(FIRST_PARTY)]
    yield from ("# Steps", "", NOTE, "")
    yield "The steps that come with Steadily, by plugin. `steadily steps` lists what is installed where you are,"
    yield "a project's own included; `steadily steps NAME` shows one. In YAML a parameter is a key beside `use`."
    for plugin in dict.fromkeys(step.plugin for step in own):
        yield from ("", f"## {plugin}")
        for step in own:
            if step.plugin == plugin:
                yield from entry(step)


def entry(step: StepEntry) -> Iterator[str]:
    """Give the reference of one step: its docstring, and the types of its parameters."""
    yield from ("", f"### {step.name}", "", f"A {step.kind} step.", "", "```text", *step.doc.splitlines(), "```")
    rows = list(parameters(step.schema))
    if rows:
        yield from ("", "| parameter | type | default |", "|---|---|---|", *rows)


def parameters(schema: Mapping[str, Any]) -> Iterator[str]:
    """Give a row of a table for each parameter."""
    required = set(schema.get("required", ()))
    for name, item in schema.get("properties", {}).items():
        default = "required" if name in required else f"`{json.dumps(item.get('default'), ensure_ascii=False)}`"
        kind = type_of(item, schema).replace("|", "\\|")
        yield f"| `{name}` | {kind} | {default} |"


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
