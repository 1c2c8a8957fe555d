"""Proof of origin: who made a sample, with which model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gan_lightning.errors import missing_extra

if TYPE_CHECKING:  # needs an extra
    from gan_lightning.provenance.identity import Identity


def load_signer(setting: str) -> Identity:
    """Return the identity that signs, on behalf of a setting such as ``sign=true``.

    Raises:
        UserError: if there is no valid identity, or the extra is not installed.
    """
    try:
        from gan_lightning.provenance.identity import load
    except ImportError as error:
        raise missing_extra(setting, "provenance") from error
    return load()
