"""Items of the gallery, as the market needs them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Item(Protocol):
    """Kept sample."""

    @property
    def id(self) -> str:
        """Name by which the gallery finds it."""

    @property
    def artifact(self) -> str:
        """Digest by which the chain names its content, hexadecimal."""

    @property
    def file(self) -> Path:
        """Its file."""

    @property
    def preview(self) -> str:
        """URL of a PNG file that shows it."""

    @property
    def problem(self) -> str | None:
        """Description of the damage, in words; None if nothing is damaged."""


class Items(Protocol):
    """Items of a gallery."""

    def find(self, item_id: str) -> Item | None:
        """Return an item by its id; None if there is none, or if it is damaged."""

    def items(self) -> Sequence[Item]:
        """Return all items, the newest first."""
