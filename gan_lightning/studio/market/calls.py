"""Calls of the contract that an action needs, one after another."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """Call of a function of the contract.

    Args:
        what: name of the step of the action.
        words: what it does, in words.
        function: name of the function.
        arguments: its arguments.
        value: ether to send along, in wei.
    """

    what: str
    words: str
    function: str
    arguments: Sequence[Any]
    value: int = 0


class Task(ABC):
    """Action of an account: one call, or several of which each needs the one before.

    The task looks at the chain before each call. So the same task continues where an earlier one has stopped.

    Attributes:
        action: name of the action.
        account: address of the account that acts.
        steps: names of the steps in their order; the last one is a call.
    """

    action: str
    account: str
    steps: Sequence[str]

    @abstractmethod
    def next_call(self) -> Call | None:
        """Return the call that is needed now; None if everything is done already."""

    def done_already(self) -> Mapping[str, Any]:
        """Return the values of the result if no call is needed."""
        return {}


class SingleCall(Task):
    """Action of one call.

    Args:
        account: address of the account that acts.
        call: the call, whose step is the action.
    """

    def __init__(self, account: str, call: Call) -> None:
        self.action, self.account, self._call = call.what, account, call
        self.steps = (call.what,)

    def next_call(self) -> Call:
        return self._call
