"""Parts of Markdown, as the model card uses them; text from elsewhere is shown as it is."""

import re

from gan_lightning.errors import printable

# Characters with a meaning in Markdown; an underscore has one at the ends of words only.
MEANINGFUL = re.compile(r"[\\`*\[\]<>#&|~$]|(?<![^\W_])_|_(?![^\W_])")


def section(title: str, *paragraphs: str) -> str:
    return "\n\n".join([f"## {title}", *paragraphs])


def bullet_list(*rows: tuple[str, str]) -> str:
    return "\n".join(f"* {name}: {value}" for name, value in rows)


def escape(value: object) -> str:
    """Return one line of text that Markdown shows as it is."""
    return MEANINGFUL.sub(r"\\\g<0>", printable(str(value)))


def code(value: object) -> str:
    """Return one line of text as code."""
    text = printable(str(value))
    fence = _fence(text, 1)
    return f"{fence}{text}{fence}" if fence == "`" else f"{fence} {text} {fence}"


def code_block(text: str, language: str = "") -> str:
    text = "\n".join(map(printable, text.splitlines()))
    fence = _fence(text, 3)
    return f"{fence}{language}\n{text}\n{fence}"


def _fence(text: str, least: int) -> str:
    """Return more backticks than there are next to each other in the text."""
    return "`" * max(least, *(len(found) + 1 for found in re.findall("`+", text)), 0)
