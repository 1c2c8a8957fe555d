"""Releases: signed drafts in files, by which others register a work of their creator."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, with_config

from gan_lightning.chain.claims import Evidence
from gan_lightning.chain.works import Draft
from gan_lightning.errors import UserError

RELEASE = "urn:gan-lightning:release:v1"


@with_config(ConfigDict(ser_json_bytes="hex", val_json_bytes="hex"))  # also of the dataclasses in it
@dataclass(frozen=True)
class Release:
    """Draft with the signature of its creator, and the proof of the claim.

    Args:
        type: RELEASE, which tells such files from others.
        chain_id: number of the chain that the signature is for.
        contract: address of the contract that the signature is for.
        evidence: proof of the claim of the creator.
        draft: the decisions of the creator.
        signature: signature of the creator (EIP-712).
    """

    type: str
    chain_id: int
    contract: str
    evidence: Evidence
    draft: Draft
    signature: bytes

    def as_bytes(self) -> bytes:
        """Return the content of the file, JSON."""
        return _ADAPTER.dump_json(self, indent=2) + b"\n"

    def write(self, path: Path) -> None:
        """Write a new file; raise UserError if it exists or cannot be written."""
        try:
            with path.open("xb") as file:
                file.write(self.as_bytes())
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}: choose another name") from error


_ADAPTER = TypeAdapter(Release)


def parse_release(content: str | bytes) -> Release:
    """Return the release in the content of a file; raise ValueError if it holds something else, or is damaged."""
    try:
        release = _ADAPTER.validate_json(content)
    except UserError as error:  # of the draft
        raise ValueError(str(error)) from error
    if release.type != RELEASE:
        raise ValueError(f"the type is {release.type!r}, not {RELEASE}")
    return release


def read_release(path: Path) -> Release | None:
    """Return the release in a file; None if the file holds something else.

    Raises:
        UserError: if the file says that it is a release, and is damaged.
    """
    try:
        content = path.read_bytes() if path.is_file() and path.suffix == ".json" else b""
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from error
    if RELEASE.encode() not in content:
        return None
    try:
        return parse_release(content)
    except ValueError as error:
        raise UserError(f"{path}: is no complete release: gan-chain register --sign writes one") from error
