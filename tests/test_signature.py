"""The signature of a class is the schema of its config node, with the TypedDict that annotates ``**settings``."""

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


class Closed(TypedDict):
    steps: PositiveInt
    decay: NotRequired[float]


class Base:
    def __init__(self, **settings: Unpack[Shared]) -> None: ...


class Derived(Base):
    def __init__(self, width: PositiveInt, **settings: Unpack[Shared]) -> None: ...


class OnlySettings:
    def __init__(self, **settings: Unpack[Closed]) -> None: ...


class Open:
    def __init__(self, width: PositiveInt, **settings: Any) -> None: ...


class Drawable(Protocol):
    def draw(self) -> None: ...


class Odd:
    """Class with annotations for which pydantic has no schema, or that share a recursive type."""

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
        node(Base, steps=3), node(Derived, width=2, steps=1, decay=None), node(Derived, width=2, steps=1, folder="a"),
        node(OnlySettings, steps=1), node(Open, width=2, anything=[3]), node(Derived, _partial_=True, width=2),
        node(Odd, shape=[1, 2], network=NETWORK, drawable=5, tree={"a": [1]}, leaves=[{}], depth=None),
        node(Odd, _args_=[[1, 2]], network=NETWORK), node(Odd, _partial_=True, layers=[NETWORK, 0]),
    ],
)  # fmt: skip
def test_valid_nodes_are_accepted(good):
    check_node(good, "model")


@pytest.mark.parametrize(
    ("bad", "line"),
    [
        (node(Derived, width=2, steps=1, deccay=0.5), "model.deccay: unknown key of .*Derived, did you mean 'decay'?"),
        (node(Derived, width=2, settings={}), "model.settings: unknown key of"),
        (node(Derived, width=2), "model.steps: missing, .*Derived needs it"),
        (node(Derived, steps=2), "model.width: missing, .*Derived needs it"),
        (node(OnlySettings, decay=2.0), "model.steps: missing"),
        (node(Derived, width=2, steps=0), "model.steps=0: must be greater than 0"),
        (node(OnlySettings, steps=1, decay="much"), "model.decay=much: must be a valid number"),
        (node(Open, width=0, anything=1), "model.width=0: must be greater than 0"),
        (node(Odd, shape=[1, 2], network=5), "model.network=5: must be a node with a _target_"),
        (node(Odd, _partial_=True, shape=[1]), r"model.shape=\[1\]: item 1 is missing$"),
        (node(Odd, shape=[0], netwrok=NETWORK), "model.netwrok: unknown key of .*Odd, did you mean 'network'?"),
        (node(Odd, shape=[0]), "model.network: missing, .*Odd needs it"),
        (node(Odd, shape=[1, 2], network=NETWORK, depth=0), "model.depth=0: must be greater than 0"),
        (node(Odd, shape=[1, 2], network="a\udcff"), "model: Invalid JSON"),
    ],
)
def test_invalid_nodes_are_refused(bad, line):
    with pytest.raises(UserError, match=f"^{line}"):
        check_node(bad, "model")


def test_marks_in_a_typed_dict():
    assert marks(Derived, "folder") == {Mark.PATH, Mark.WITHOUT_EFFECT}
    assert marks(Derived, "steps") == set()
    assert list(signature_of(Derived).hints) == ["width", "steps", "decay", "folder"]
