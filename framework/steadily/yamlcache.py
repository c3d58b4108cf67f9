"""Texts of YAML files as written last time: to make one and check that all readers agree on it takes a while."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from steadily import layout, yamltext
from steadily.files import write_atomically
from steadily.resolution import read_json
from steadily.versions import digest_of_value

FOLDER = layout.STATE / "cache"
FORMAT = 1  # of the text that yamltext gives for the same values


def dump(project: Path, name: str, values: Mapping[str, Any], header: str = "") -> str:
    """Give what ``yamltext.dump`` gives, which for the values of the last time is at hand.

    Args:
        project: The project's folder.
        name: What is written; one text is kept for each.
        values: Plain values.
        header: Text for a comment at the top.

    Raises:
        ConfigError: They can't be written.
    """
    try:
        digest = digest_of_value([FORMAT, header, values])
    except (TypeError, ValueError):  # what JSON can't hold, YAML can't either, and says where it stands
        return yamltext.dump(values, header)
    path = project / FOLDER / f"{name}.json"
    kept = read_json(path)
    if kept.get("digest") == digest:
        return str(kept["text"])
    text = yamltext.dump(values, header)
    write_atomically(path, json.dumps({"digest": digest, "text": text}))
    return text
