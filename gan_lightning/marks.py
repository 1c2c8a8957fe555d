"""Annotations that mark a constructor's parameter or a setting as a path, or as without effect on results.

    def __init__(self, root: Location[str], download: WithoutEffect[bool], batch_size: Serving[PositiveInt]): …

pydantic ignores marks. A subclass inherits them for parameters of the same name.
"""

from enum import Enum, auto
from typing import Annotated, TypeVar

T = TypeVar("T")


class Mark(Enum):
    WITHOUT_EFFECT = auto()
    PATH = auto()
    SERVING = auto()


WithoutEffect = Annotated[T, Mark.WITHOUT_EFFECT]
"""A value that no result depends on: runs that differ only in such values are equal."""

Location = Annotated[T, Mark.WITHOUT_EFFECT, Mark.PATH]
"""A path that no result depends on. ``~`` in it is expanded to the home folder."""

InputPath = Annotated[T, Mark.PATH]
"""A path to a file whose content results depend on."""

Serving = Annotated[T, Mark.SERVING]
"""A parameter of a data set that sets the order and the batches of its examples, not the examples themselves."""
