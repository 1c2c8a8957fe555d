"""Writes generated parts of documentation pages."""

from pathlib import Path

from gan_lightning.errors import UserError


def replace_part(page: Path, name: str, text: str) -> None:
    """Write ``text`` between the lines ``<!-- name -->`` and ``<!-- end of name -->`` of a Markdown page.

    Raise UserError if the page lacks one of these lines.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise UserError(f"{page}: has no lines {begin.strip()} and {end}")
    page.write_text(f"{before}{begin}{text.strip()}\n{end}{after}", encoding="utf-8")
