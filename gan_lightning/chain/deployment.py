"""The file ``chain.json``: where the contract is, and on which chain."""

from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from gan_lightning.errors import UserError, user_error_from
from gan_lightning.files import make_folder, write_json

NAME = "chain.json"


@dataclass(frozen=True)
class Deployment:
    """Contract on a chain.

    Args:
        chain_id: number of the chain.
        genesis: hash of its first block, which tells apart chains of one number.
        contract: address of the contract.
        block: number of the block that created it.
    """

    chain_id: int
    genesis: str
    contract: str
    block: int

    def write(self, folder: Path) -> None:
        """Write the file; raise UserError if it cannot be written."""
        try:
            make_folder(folder)
            write_json(folder / NAME, asdict(self))
        except OSError as error:
            raise user_error_from(error, str(folder / NAME)) from error

    def check_chain(self, path: Path, chain_id: int, genesis: str) -> None:
        """Raise UserError unless a chain is that of the file.

        Args:
            path: the file, for the message.
            chain_id: number of the chain.
            genesis: hash of its first block.
        """
        if self.chain_id != chain_id:
            raise UserError(f"{path}: is about chain {self.chain_id}, and this is chain {chain_id}: check --chain")
        if self.genesis != genesis:
            raise UserError(
                f"{path}: is about another chain with the number {chain_id}: remove the file if the chain was started "
                "anew, or check --chain"
            )


def read_deployment(folder: Path) -> Deployment | None:
    """Return the content of the file in a folder; None without a file.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        return TypeAdapter(Deployment).validate_json((folder / NAME).read_bytes(), strict=True)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / NAME}: cannot be read: remove it, and name the contract: --contract 0x…") from error
