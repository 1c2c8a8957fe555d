"""MkDocs hook that writes the pages in reference/ from the commands' own help and the config's own schema."""

import html
import inspect
import re
import subprocess
import sys
import tomllib
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel, PydanticUserError, TypeAdapter

from gan_lightning.config import settings
from gan_lightning.config.signature import load_target, signature_of

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
BOUNDS = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}
TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
    "object": "node",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to the site."""
    for name, text in (("commands", commands_page()), ("config", config_page())):
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def commands_page() -> str:
    """Return the page with the ``--help`` of every command, as it is printed."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    parts = [
        "# Commands",
        "Each command's `--help`, as it is printed. Most have a file in `scripts/` that does the same.",
    ]
    for name, place in sorted(scripts.items()):
        module, function = place.split(":")
        call = f"import sys; sys.argv[0] = {name!r}; from {module} import {function}; {function}()"
        shown = subprocess.run(
            [sys.executable, "-c", call, "--help"], capture_output=True, text=True, check=True, cwd=ROOT
        )
        parts.append(f"## {name}\n\n```text\n{shown.stdout.strip()}\n```")
    return "\n\n".join(parts)


def config_page() -> str:
    """Return the page with the keys of each command and of each option of the groups."""
    parts = [
        "# Config keys",
        "Set any key on the command line: `key=value`. Choose an option of a group: `group=option`. Types and ranges "
        "are those that are checked before a command starts; `null` is allowed where the default is `null`.",
    ]
    for path in sorted(CONF.glob("*.yaml")):
        name = "".join(word.capitalize() for word in path.stem.split("_")) + "Settings"
        keys = table(path, "", annotations_of_settings(getattr(settings, name)))
        parts.append(f"## {path.stem}: the keys of `conf/{path.name}`\n\n{keys}")
    for group in sorted(path for path in CONF.iterdir() if path.is_dir()):
        parts.append(f"## {group.name}")
        for path in sorted(group.glob("*.yaml")):
            parts.append(f"### {group.name}={path.stem}\n\n{header(path)}\n\n{table(path, package(path))}".strip())
    return "\n\n".join(parts)


def package(path: Path) -> str:
    """Return what the keys of a group's file begin with in the composed config."""
    stated = re.search(r"^# @package (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    name = stated[1] if stated else path.parent.name
    return "" if name == "_global_" else f"{name}."


def header(path: Path) -> str:
    """Return the comment at the top of a YAML file as Markdown; its commands are code."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = []
    for line in lines:
        if not line.startswith("#"):
            break
        if not line.startswith("# @package"):
            comment.append(line.removeprefix("#").removeprefix(" "))
    text = "\n".join(f"    {line.strip()}" if line.startswith("  ") else escaped(line) for line in comment)
    return re.sub(r"(?m)(^    .*$)(?:\n(?!    ))", r"\1\n\n", re.sub(r"(?m)^(?!    )(.*)\n(?=    )", r"\1\n\n", text))


def table(path: Path, prefix: str, schema: dict[str, Any] | None = None) -> str:
    """Return the keys of a YAML file as a table: default, type, and the comment beside the key."""
    text = path.read_text(encoding="utf-8")
    rows = list(rows_of(yaml.compose(text), text, prefix, schema or {}))
    if not rows:
        return ""
    return "\n".join(["| Key | Default | Type | Meaning |", "|---|---|---|---|", *rows])


def rows_of(node: yaml.Node | None, text: str, prefix: str, schema: dict[str, Any]) -> Iterator[str]:
    """Yield a table row for each key below a node, except Hydra's own keys."""
    if not isinstance(node, yaml.MappingNode):
        return
    target = next((value.value for key, value in node.value if key.value == "_target_"), None)
    hints = schema if target is None else annotations_of(target)
    for key, value in node.value:
        name, hint = f"{prefix}{key.value}", hints.get(key.value)
        if key.value in ("defaults", "hydra", "_partial_"):
            continue
        comment = re.search(r"\s# (.+)$", text.splitlines()[key.start_mark.line])
        meaning = escaped(comment[1]) if comment else ""
        if isinstance(value, yaml.MappingNode) and not value.flow_style and value.value:
            if meaning:
                yield f"| `{name}` | | | {meaning} |"
            nested = annotations_of_settings(hint) if inspect.isclass(hint) and issubclass(hint, BaseModel) else {}
            yield from rows_of(value, text, f"{name}.", nested)
        else:
            default = " ".join(text[value.start_mark.index : value.end_mark.index].split())
            yield f"| `{name}` | {code(default)} | {allowed(hint)} | {meaning} |"


def annotations_of_settings(settings: type[BaseModel]) -> dict[str, Any]:
    """Return the annotations of a command's keys, constraints included."""
    return typing.get_type_hints(settings, include_extras=True)


def annotations_of(target: str) -> dict[str, Any]:
    """Return the annotations of the keys that a ``_target_`` takes."""
    signature = signature_of(load_target(target, "_target_"))
    return signature.hints if signature else {}


def allowed(annotation: Any) -> str:
    """Return in words what an annotation admits; empty where it says nothing of plain values."""
    if annotation is None:
        return ""
    try:
        return in_words(TypeAdapter(annotation, config={"arbitrary_types_allowed": True}).json_schema())
    except PydanticUserError:
        return ""


def in_words(schema: dict[str, Any]) -> str:
    """Return a JSON schema in words, such as 'whole number > 0'."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(filter(None, map(in_words, schema["anyOf"]))))
    if "enum" in schema or "const" in schema:
        return " or ".join(code(str(value)) for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        items = schema.get("items")
        return f"list of {in_words(items)}" if isinstance(items, dict) and in_words(items) else "list"
    bounds = [form.format(short(schema[name])) for name, form in BOUNDS.items() if name in schema]
    return escaped(" ".join([TYPES.get(schema.get("type", ""), ""), ", ".join(bounds)]).strip())


def short(number: float) -> str:
    """Return a number as text; a large power of two as one."""
    exponent = int(number).bit_length() - 1
    return f"2^{exponent}" if exponent >= 31 and number == 2**exponent else f"{number:g}"


def code(text: str) -> str:
    return f"`{text.replace('|', chr(92) + '|')}`" if text else ""


def escaped(text: str) -> str:
    """Return text with what Markdown and HTML would take for their own."""
    return re.sub(r"([|*_\[\]])", r"\\\1", html.escape(text, quote=False))
