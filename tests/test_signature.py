"""A constructor is the schema of its node, and so is the TypedDict that its ``**settings`` are annotated with."""

from typing import Any, NotRequired, Protocol, Required, TypedDict, Unpack

import pytest
from pydantic import JsonValue, PositiveInt
from torch import nn

from gan_lightning.config.signature import marks, signature_of
from gan_lightning.config.validation import check_node
from gan_lightning.errors import UserError
from gan_lightning.marks import Location, Mark


class Shared(TypedDict, total=False):
    steps: Required[PositiveInt]
    decay: float | None
    folder: Location[str]


class All(TypedDict):
    steps: PositiveInt
    decay: NotRequired[float]


class Base:
    def __init__(self, **settings: Unpack[Shared]) -> None: ...


class Own(Base):
    def __init__(self, width: PositiveInt, **settings: Unpack[Shared]) -> None: ...


class Total:
    def __init__(self, **settings: Unpack[All]) -> None: ...


class Open:
    def __init__(self, width: PositiveInt, **settings: Any) -> None: ...


class Drawable(Protocol):
    def draw(self) -> None: ...


class Odd:
    """Annotations that pydantic has no schema for, that share a recursive type, or that no plain value fits."""

    def __init__(
        self,
        shape: tuple[PositiveInt, PositiveInt],
        network: nn.Module,
        drawable: Drawable = None,
        tree: JsonValue = None,
        leaves: JsonValue = None,
        depth: PositiveInt = None,
        layers: list[PositiveInt] = (),
    ) -> None: ...


NETWORK = {"_target_": "torch.nn.Identity"}


def node(target, **keys):
    return {"_target_": f"{__name__}.{target.__name__}", **keys}


@pytest.mark.parametrize(
    "good",
    [
        node(Base, steps=3), node(Own, width=2, steps=1, decay=None), node(Own, width=2, steps=1, folder="a"),
        node(Total, steps=1), node(Open, width=2, anything=[3]), node(Own, _partial_=True, width=2),
        node(Odd, shape=[1, 2], network=NETWORK, drawable=5, tree={"a": [1]}, leaves=[{}], depth=None),
        node(Odd, _args_=[[1, 2]], network=NETWORK), node(Odd, _partial_=True, layers=[NETWORK, 0]),
    ],
)  # fmt: skip
def test_what_fits(good):
    check_node(good, "model")


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        (node(Own, width=2, steps=1, deccay=0.5), "model.deccay: unknown key of .*Own, did you mean 'decay'?"),
        (node(Own, width=2, settings={}), "model.settings: unknown key of"),
        (node(Own, width=2), "model.steps: missing, .*Own needs it"),
        (node(Own, steps=2), "model.width: missing, .*Own needs it"),
        (node(Total, decay=2.0), "model.steps: missing"),
        (node(Own, width=2, steps=0), "model.steps=0: must be greater than 0"),
        (node(Total, steps=1, decay="much"), "model.decay=much: must be a valid number"),
        (node(Open, width=0, anything=1), "model.width=0: must be greater than 0"),
        (node(Odd, shape=[1, 2], network=5), "model.network=5: must be a node with a _target_"),
        (node(Odd, _partial_=True, shape=[1]), r"model.shape=\[1\]: item 1 is missing$"),
        (node(Odd, shape=[0], netwrok=NETWORK), "model.netwrok: unknown key of .*Odd, did you mean 'network'?"),
        (node(Odd, shape=[0]), "model.network: missing, .*Odd needs it"),
        (node(Odd, shape=[1, 2], network=NETWORK, depth=0), "model.depth=0: must be greater than 0"),
        (node(Odd, shape=[1, 2], network="a\udcff"), "model: Invalid JSON"),
    ],
)
def test_what_does_not(bad, line):
    with pytest.raises(UserError, match=f"^{line}"):
        check_node(bad, "model")


def test_marks_inside():
    assert marks(Own, "folder") == {Mark.PATH, Mark.WITHOUT_EFFECT}
    assert marks(Own, "steps") == set()
    assert list(signature_of(Own).hints) == ["width", "steps", "decay", "folder"]
