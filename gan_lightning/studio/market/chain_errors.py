"""Errors of the chain as refusals, with codes that the page translates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gan_lightning.errors import UserError
from gan_lightning.studio.refusals import Refusal

_AMOUNTS = ("price", "balance", "needed", "code")  # can be too large for a number of JSON


@contextmanager
def chain_errors() -> Iterator[None]:
    """Raise each UserError of the body as a Refusal."""
    try:
        yield
    except UserError as error:
        raise refusal_of(error) from error


def refusal_of(error: UserError) -> Refusal:
    """Return the refusal for an error of the chain."""
    from gan_lightning.chain.contract import Refused
    from gan_lightning.chain.places import Unreachable
    from gan_lightning.chain.sending import NotEnoughEther

    if isinstance(error, Refused):
        values = {key: str(value) if key in _AMOUNTS else value for key, value in error.values.items()}
        return Refusal(409, f"refused_{error.name}", str(error), values)
    if isinstance(error, NotEnoughEther):
        needed = {"balance": str(error.balance), "needed": str(error.needed)}
        return Refusal(409, "not_enough_ether", str(error), needed)
    if isinstance(error, Unreachable):
        return Refusal(503, "chain_unreachable", str(error))
    return Refusal(409, "failed", str(error))


def no_work(number: int) -> Refusal:
    return Refusal(404, "no_such_work", f"there is no work {number}", {"work": number})


def refused(code: str, message: str, **values: Any) -> Refusal:
    """Return a refusal because of the state of the chain."""
    return Refusal(409, code, message, values)
