"""Marks at the annotation of a constructor's parameter or of a setting, which say what its values are about.

    def __init__(self, root: Location[str], download: WithoutEffect[bool], batch_size: Serving[PositiveInt]): …

pydantic passes over them. A subclass's parameter of the same name has the mark too.
"""

from enum import Enum, auto
from typing import Annotated, TypeVar

T = TypeVar("T")


class Mark(Enum):
    WITHOUT_EFFECT = auto()
    PATH = auto()
    SERVING = auto()


WithoutEffect = Annotated[T, Mark.WITHOUT_EFFECT]
"""A value that no result depends on: two runs that differ in it only are the same."""

Location = Annotated[T, Mark.WITHOUT_EFFECT, Mark.PATH]
"""A path, which no result depends on either. ``~`` is the home folder in it."""

InputPath = Annotated[T, Mark.PATH]
"""A path to what a result depends on."""

Serving = Annotated[T, Mark.SERVING]
"""Of a data set: in which portions and order examples are served, not which they are."""
