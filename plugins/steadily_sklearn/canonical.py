"""Model files whose bytes repeat: a skops file, rewritten so that nothing accidental is left in it.

Owns the rewriting, and knows nothing of models. What skops writes differs
from process to process by the addresses of objects (in ids and file names),
dates, the order of sets, unused bytes between an array's fields, and a few
attributes that hold addresses, times or numbers of threads. What is written here are plain skops
files, which any skops can read:

- Ids are left out. skops needs them for objects that occur twice; without them
  such an object is loaded as two equal ones, which no prediction can tell.
- Arrays are named by the digest of their content, so equal ones are kept once.
- A mapping or list of plain values becomes one JSON value. A vocabulary of
  100,000 words takes 2 MB then instead of 90.
- Nothing is compressed: zlib and its replacements give different bytes for the
  same content, and the digest of a model must not depend on which one is there.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

Node = dict[str, Any]

SCHEMA = "schema.json"
ENVELOPE = ("protocol", "_skops_version")
LONG_AGO = (1980, 1, 1, 0, 0, 0)
READABLE = 0o644 << 16
INDICES = {"indices.npy", "indptr.npy"}
UNORDERED = {"set", "frozenset"}
# Attributes of estimators that hold an address or a time, and that nothing reads after fitting.
VOLATILE = {"_stop_words_id", "refit_time_"}
NEIGHBOUR_TREES = {"KDTree", "KDTree32", "KDTree64", "BallTree", "BallTree32", "BallTree64"}
COUNTERS = slice(7, 11)  # trims, leaves, splits, calls in the state of a nearest-neighbour tree
TIMINGS = {"mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"}


class Members:
    """What a model file's schema refers to: its arrays under their new names, and JSON that stands for marks in it."""

    def __init__(self, archive: zipfile.ZipFile, instead: Mapping[str, str]) -> None:
        self.archive, self.instead = archive, instead
        self.kept: dict[str, bytes] = {}

    def rename(self, name: str) -> str:
        """Keep the member ``name``, and give its new name."""
        content = tidy_member(name, self.archive.read(name))
        new = content_name(name, content)
        self.kept[new] = content
        return new


def canonical(dumped: bytes, instead: Mapping[str, str] = MappingProxyType({})) -> bytes:
    """Rewrite what ``skops.io.dumps`` gave, so that equal models give equal bytes.

    Args:
        dumped: A skops file.
        instead: JSON that comes in the place of other JSON, wherever a plain value is that.

    Returns:
        An equivalent skops file.
    """
    with zipfile.ZipFile(io.BytesIO(dumped)) as archive:
        members = Members(archive, instead)
        given = json.loads(archive.read(SCHEMA))
        schema = {**tidy(given, members), **{key: given[key] for key in ENVELOPE}}
    return stored({SCHEMA: json.dumps(schema, separators=(",", ":")).encode(), **members.kept})


def stored(members: dict[str, bytes]) -> bytes:
    """Pack ``members`` into a zip file without compression, in order of their names, with a fixed date.

    >>> stored({"b": b"2", "a": b"1"}) == stored({"a": b"1", "b": b"2"})
    True
    """
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.create_system, entry.external_attr = 3, READABLE
            archive.writestr(entry, members[name])
    return target.getvalue()


def content_name(name: str, content: bytes) -> str:
    """Name a member by its content.

    >>> content_name("140255.npy", b"")
    'e3b0c44298fc1c149afbf4c8996fb924.npy'
    """
    suffix = name.rpartition(".")[2]
    return f"{hashlib.sha256(content).hexdigest()[:32]}.{suffix}"


def tidy_member(name: str, content: bytes) -> bytes:
    """Give the same array or sparse matrix in bytes that repeat."""
    if name.endswith(".npy"):
        return tidy_array(content)
    if name.endswith(".npz"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            inner = archive.namelist()
            return stored({part: tidy_array(archive.read(part), narrow=part in INDICES) for part in inner})
    return content


def tidy_array(content: bytes, *, narrow: bool = False) -> bytes:
    """Write an array anew, without what happens to stand between its fields.

    Args:
        content: The array in numpy's own form.
        narrow: Whether whole numbers that fit into 32 bits shall take no more; a sparse matrix comes back so.
    """
    import numpy as np

    array = np.load(io.BytesIO(content), allow_pickle=False)
    if array.dtype.names:
        clean = np.zeros(array.shape, array.dtype)
        for field in array.dtype.names:
            clean[field] = array[field]
        array = clean
    if narrow and (not array.size or int(array.max()) <= np.iinfo(np.int32).max):
        array = array.astype(np.int32)
    target = io.BytesIO()
    np.save(target, array, allow_pickle=False)
    return target.getvalue()


def tidy(node: Any, members: Members, *, collapse: bool = True) -> Any:
    """Rewrite the description of an object, from the innermost to the outermost.

    Args:
        node: A node of skops' schema, or a plain part of one.
        members: Gives the new names of arrays.
        collapse: Whether lists and mappings of plain values may become one JSON value.
    """
    if isinstance(node, list):
        return [tidy(part, members, collapse=collapse) for part in node]
    if not isinstance(node, dict):
        return node
    loader = node.get("__loader__")
    if loader == "JsonNode" and node["content"] in members.instead:
        return plain(members.instead[node["content"]])
    if not isinstance(loader, str):  # a mapping from names to nodes; any word may be a name
        return {key: tidy(value, members, collapse=collapse) for key, value in node.items()}
    if loader == "ObjectNode":
        node = without_counts(without_volatile(node))
    if loader == "RandomGeneratorNode":
        collapse = False  # skops looks for the generator's name at its old place
    found = {key: tidy(value, members, collapse=collapse) for key, value in node.items() if key != "__id__"}
    if "file" in found:
        found["file"] = members.rename(found["file"])
    return collapsed(ordered(found)) if collapse else ordered(found)


def without_volatile(node: Node) -> Node:
    """Leave out the attributes that say where or how fast an object was made; sort the others by name."""
    attributes = node.get("content")
    if not isinstance(attributes, dict) or attributes.get("__loader__") != "DictNode":
        return node
    kept = {name: value for name, value in attributes["content"].items() if name not in VOLATILE}
    if "cv_results_" in kept:
        kept["cv_results_"] = without_keys(kept["cv_results_"], TIMINGS)
    if node["__class__"] == "_BinMapper":
        kept["n_threads"] = plain("1")  # that of the machine which fitted it; predicting asks anew
    sorted_names = {name: kept[name] for name in sorted(kept)}
    return {**node, "content": with_text_keys(attributes, sorted_names)}


def without_counts(node: Node) -> Node:
    """Set back the counters of a nearest-neighbour tree, which go on counting with each prediction."""
    state = node.get("content")
    if node["__class__"] not in NEIGHBOUR_TREES or not isinstance(state, dict) or len(state["content"]) < COUNTERS.stop:
        return node
    parts = list(state["content"])
    parts[COUNTERS] = [plain("0")] * len(parts[COUNTERS])
    return {**node, "content": {**state, "content": parts}}


def without_keys(node: Node, left_out: set[str]) -> Node:
    """Leave keys out of the description of a mapping whose keys are text."""
    return with_text_keys(node, {key: value for key, value in node["content"].items() if key not in left_out})


def with_text_keys(node: Node, content: Node) -> Node:
    """Give a mapping another content, all of whose keys are text."""
    key_types = {**node["key_types"], "content": node["key_types"]["content"][: len(content)]}
    return {**node, "content": content, "key_types": key_types}


def ordered(node: Node) -> Node:
    """Sort the members of a set, whose order is a matter of chance."""
    content = node.get("content")
    if node["__class__"] not in UNORDERED:
        return node
    if isinstance(content, list):
        return {**node, "content": sorted(content, key=as_text)}
    if isinstance(content, dict) and isinstance(content.get("content"), list):  # frozenset(([…],))
        return {**node, "content": {**content, "content": [ordered_list(part) for part in content["content"]]}}
    return node


def ordered_list(node: Node) -> Node:
    """Sort the description of a list; one that was collapsed already is sorted by its JSON."""
    if node.get("__loader__") == "JsonNode":
        return {**node, "content": as_text(sorted(json.loads(node["content"]), key=as_text))}
    return {**node, "content": sorted(node["content"], key=as_text)}


def collapsed(node: Node) -> Node:
    """Make one JSON value of a list of plain values, or of a mapping from text to plain values."""
    content, loader = node.get("content"), node.get("__loader__")
    if node.get("__module__") != "builtins":
        return node
    if loader == "ListNode" and node["__class__"] == "list" and all(map(is_plain, content or [])):
        return plain("[" + ",".join(part["content"] for part in content or []) + "]")
    if loader == "DictNode" and node["__class__"] == "dict" and has_text_keys(node):
        values = (content or {}).items()
        if all(is_plain(value) for _, value in values):
            return plain("{" + ",".join(f"{json.dumps(key)}:{value['content']}" for key, value in values) + "}")
    return node


def has_text_keys(node: Node) -> bool:
    """Tell whether all keys of a mapping are text; JSON has no others."""
    types = node["key_types"].get("content")
    return isinstance(types, list) and all(kind["__class__"] == "str" for kind in types)


def is_plain(node: Any) -> bool:
    """Tell whether ``node`` describes a plain JSON value."""
    return isinstance(node, dict) and node.get("__loader__") == "JsonNode"


def plain(content: str) -> Node:
    """Describe a JSON value."""
    return {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": content, "is_json": True}


def as_text(value: Any) -> str:
    """Write ``value`` as JSON in one way only.

    >>> as_text({"b": 1, "a": 2})
    '{"a":2,"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
