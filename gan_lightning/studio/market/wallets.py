"""Transactions that the wallet in the browser sends: prepared here, and followed until they are mined."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from gan_lightning.studio.market.calls import Call, Task
from gan_lightning.studio.market.jobs import describe_steps
from gan_lightning.studio.market.open_market import OpenMarket
from gan_lightning.studio.market.outcomes import FAILED, describe_event, describe_result, find_subjects
from gan_lightning.studio.market.requests import SentRequest

MAX_SENT = 1000  # transactions that are remembered


def prepare_next(task: Task, market: OpenMarket) -> dict[str, Any]:
    """Return the next transaction of a task, or its result if everything is done already.

    The call is tried on the pending block first.

    Raises:
        Refused: if the contract refuses the call.
        NotEnoughEther: if the account has too little ether.
    """
    call = task.next_call()
    if call is None:
        return {"result": describe_result(task.action, market.accounts, None, task.done_already())}
    try:
        transaction = _prepare(task.account, call, market)
    finally:
        market.note(call)
    return {"transactions": [transaction], "steps": describe_steps(task, call.what)}


def _prepare(account: str, call: Call, market: OpenMarket) -> dict[str, Any]:
    client = market.client
    data = client.encode(call.function, *call.arguments)
    cost = client.cost(account, call.function, *call.arguments, value=call.value)
    request = {"from": account, "to": client.address, "data": data, "value": hex(call.value), "gas": hex(cost.gas)}
    return {
        "what": call.what,
        "words": call.words,
        "from": account,
        "to": client.address,
        "data": data,
        "value": str(call.value),
        "chain_id": client.chain_id,
        "gas": cost.gas,
        "fee": str(cost.fee),
        "request": request,
    }


class SentTransactions:
    """Transactions that wallets have sent, by their hashes; the oldest ones are forgotten."""

    def __init__(self) -> None:
        self._sent: OrderedDict[str, SentRequest] = OrderedDict()

    def add(self, request: SentRequest) -> None:
        self._sent[request.hash.lower()] = request
        if len(self._sent) > MAX_SENT:
            self._sent.popitem(last=False)

    def describe(self, transaction: str, market: OpenMarket) -> dict[str, Any]:
        """Return the state of a transaction, and what happened in it once it is mined."""
        transaction = transaction.lower()
        found: dict[str, Any] = dict.fromkeys(("block", "time", "fee", "work", "token"))
        outcome = market.client.outcome(transaction)
        if outcome is None:
            state = "pending" if market.client.is_known(transaction) else "unknown"
            return {"hash": transaction, "state": state, **found, "events": [], "words": []}
        succeeded, receipt = outcome
        market.board.expire()
        if (sent := self._sent.get(transaction)) and sent.work:
            market.board.touch(sent.work)
        subjects = find_subjects(receipt.events)
        events = [describe_event(event, market.accounts) for event in receipt.events]
        return {
            "hash": transaction,
            "state": "mined" if succeeded else "failed",
            "block": receipt.block,
            "time": receipt.time,
            "fee": str(receipt.fee),
            "work": subjects["work"],
            "token": subjects["token"],
            "events": events,
            "words": [event["words"] for event in events] if succeeded else [FAILED],
        }
