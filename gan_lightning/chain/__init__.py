"""Ownership, licences and trade of generated content: a client of the contract ``Works``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.errors import missing_extra

if TYPE_CHECKING:  # needs an extra
    from gan_lightning.chain.client import Client


def connect(
    place: str | Path,
    *,
    create: bool = False,
    contract: str | None = None,
    state: Path | None = None,
    confirmations: int = 1,
    max_fee: int | None = None,
    timeout: float = 180.0,
) -> Client:
    """Return a client of a chain: an embedded one in a folder, or that of a node.

    Args:
        place: folder of an embedded chain, or URL of a node, http or https.
        create: whether to create an embedded chain if the folder holds none.
        contract: address of the contract; None for the one in ``chain.json``.
        state: folder of ``chain.json`` and of unfinished transactions; None for the folder of an embedded chain, and
            for ``chains/ID`` in the folder of the identity otherwise.
        confirmations: number of blocks, with that of the transaction, after which a transaction counts as done.
        max_fee: largest fee for one unit of gas, in wei; None for twice the current base fee and the usual tip.
        timeout: seconds to wait for a lock, for an answer of a node, and for a transaction to be mined.

    Raises:
        UserError: if the chain is damaged, cannot be reached, or is not that of ``chain.json``, or if the address has
            no code.
    """
    try:
        from gan_lightning.chain.client import Client
    except ImportError as error:
        raise missing_extra(f"--chain {place}", "chain") from error
    return Client(
        place,
        create=create,
        contract=contract,
        state=state,
        confirmations=confirmations,
        max_fee=max_fee,
        timeout=timeout,
    )
