"""The hooks that a plugin may implement, each typed and documented.

A hook is added only together with a plugin of ours that uses it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pluggy

GROUP = "steadily"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def register_steps(register: Callable[[Callable[..., object]], None]) -> None:
    """Give each step of the plugin to ``register``: a function or class that carries ``@step``.

    Only a plugin that makes steps as it runs needs this; those which its module
    holds by name are found without it.
    """


@hookspec
def stage_finished(record: Mapping[str, Any]) -> None:
    """Hear that a stage has finished and its outputs are committed.

    ``record`` has the stage's name, the seconds it took, and its ledger's sums
    (in, out, dropped, quarantined, imputed, lost, notes).
    """


@hookspec
def stage_failed(record: Mapping[str, Any]) -> None:
    """Hear that a stage has failed: ``record`` has its name, seconds, the error's text, and outputs brought back."""


@hookspec
def notify(alert: Mapping[str, Any]) -> bool | None:
    """Tell people something, through one channel.

    ``alert`` has ``title``, ``text``, ``severity`` (page or warn), ``state`` (fired, resolved or failed), ``alerts``
    (their numbers), and ``channel``: its ``name``, and in ``url_env`` the environment variable that holds its address.
    Give True when the message was taken, None when the channel is not yours; raise when it failed, and it will be
    tried again. The address must stand in no error.
    """
