"""Items of the gallery, as the market needs them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Item:
    """Kept sample.

    Args:
        id: its id in the gallery.
        title: its title.
        artifact: digest by which the chain names its content, hexadecimal.
        file: its file.
        preview: URL of its preview.
    """

    id: str
    title: str
    artifact: str
    file: Path
    preview: str


class Items(Protocol):
    """Items of a gallery."""

    def find(self, item: str) -> Item | None:
        """Return an item by its id; None if there is none."""

    def find_artifact(self, artifact: str) -> Item | None:
        """Return an item by its artifact; None if there is none."""
