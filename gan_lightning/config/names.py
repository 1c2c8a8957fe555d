"""Lists the keys of a config by path, and suggests the key that a mistyped one may stand for."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

RENAMED = {"trust": "trust_code"}  # the new name of each key that runs of earlier versions recorded


def flatten(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and value of each leaf of a config, and of each node its ``_target_`` as the value."""
    for key, value in node.items():
        if isinstance(value, dict):
            if "_target_" in value:
                yield f"{prefix}{key}", value["_target_"].removeprefix("gan_lightning.")
            yield from flatten(value, f"{prefix}{key}/")
        elif not key.startswith("_"):
            yield f"{prefix}{key}", value


def keys(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the path and value of each key of a config, of nodes and leaves."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{prefix}{key}", value
            yield from keys(value, f"{prefix}{key}.")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ", did you mean 'x'?" for known names with the same last part, else the nearest; "" if none is near."""
    known = list(known)
    same = [candidate for candidate in known if candidate.split(".")[-1] == name]
    near = same or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f", did you mean {' or '.join(map(repr, near))}?" if near else ""
