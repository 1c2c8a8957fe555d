"""Proof of origin: who made a sample, with which model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gan_lightning.errors import UserError

if TYPE_CHECKING:  # of an extra
    from gan_lightning.provenance.identity import Identity


def missing_extra(what: str) -> UserError:
    """For what is not installed."""
    return UserError(f"{what}: needs an extra: pip install 'gan-lightning[provenance]'")


def load_signer(setting: str) -> Identity:
    """Who signs, for a setting that asks for it.

    Raises:
        UserError: where there is nobody, or nothing to sign with.
    """
    try:
        from gan_lightning.provenance.identity import load
    except ImportError as error:
        raise missing_extra(setting) from error
    return load()
