"""Settings of a studio: the options of ``gan-studio``."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class StudioSettings:
    """Paths and options of a studio.

    Attributes:
        runs: a folder of runs, or the folder of one run.
        folder: folder for what the studio keeps: the gallery, an embedded chain, and temporary files.
        ledger: folder of the ledger that records of kept samples are added to.
        host: address that the server listens on.
        token: token that all requests need; None if only this machine can reach the server.
        chain: folder of an embedded chain, or URL of a node; None for an embedded chain in ``folder``.
        contract: address of the contract; None for the one in ``chain.json``.
        trust_code: packages of the user whose code checkpoints may name.
    """

    runs: Path
    folder: Path = Path("outputs/studio")
    ledger: Path = Path("outputs/ledger")
    host: str = "127.0.0.1"
    token: str | None = None
    chain: str | None = None
    contract: str | None = None
    trust_code: list[str] = field(default_factory=list)
