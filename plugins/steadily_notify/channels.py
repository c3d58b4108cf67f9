"""Delivers messages with Apprise: mail, chats, pagers, webhooks, by the channel's address.

The address is read from the environment at each message, and shown nowhere.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from typing import Any

import steadily
from steadily import SteadilyError, hookimpl

KINDS = {"fired": "warning", "resolved": "success", "failed": "failure"}
EXTRA = "pip install 'steadily[notify]'"


@hookimpl
def notify(alert: Mapping[str, Any]) -> bool:
    """Deliver a message to its channel.

    Raises:
        SteadilyError: It could not be delivered; why, without the address.
    """
    channel = alert["channel"]
    where = f"channel {channel['name']}"
    address = os.environ.get(channel["url_env"], "").strip()
    if not address:
        raise SteadilyError.at(where, f"the environment has no {channel['url_env']}", hint="it holds the address")
    if not delivered(where, address, alert):
        raise SteadilyError.at(where, "did not take the message", hint="check its address and that it is up")
    return True


def delivered(where: str, address: str, alert: Mapping[str, Any]) -> bool:
    """Let Apprise deliver a message.

    Raises:
        SteadilyError: Apprise is not installed, or knows no such address.
    """
    try:
        import apprise
    except ImportError:
        raise SteadilyError.at(where, "Apprise is not installed", hint=EXTRA) from None
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # what it logs may hold the address
    kind = KINDS.get(str(alert["state"]), "info")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what Apprise imports when it is first used
        post = apprise.Apprise()
        if not post.add(address):
            raise SteadilyError.at(where, "its address is none that Apprise knows")
        return bool(post.notify(body=alert["text"], title=alert["title"], notify_type=kind))


@hookimpl
def stage_failed(record: Mapping[str, Any]) -> None:
    """Tell people that a stage of ``dvc repro`` has failed."""
    text = f"{record['error']}\nIt failed after {record['seconds']:.0f} s. What serves is as it was."
    steadily.tell_people(f"failed: stage {record['stage']}", text, severity="warn", state="failed")
