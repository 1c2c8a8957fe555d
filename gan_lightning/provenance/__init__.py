"""Proof of origin: who made a sample, with which model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gan_lightning.errors import UserError

if TYPE_CHECKING:  # needs an extra
    from gan_lightning.provenance.identity import Identity


def missing_extra(feature: str) -> UserError:
    """Return the error for a setting or command whose dependencies are not installed."""
    return UserError(f"{feature}: needs an extra: pip install 'gan-lightning[provenance]'")


def load_signer(setting: str) -> Identity:
    """Return the identity that signs, on behalf of a setting such as ``sign=true``.

    Raises:
        UserError: if there is no valid identity, or the extra is not installed.
    """
    try:
        from gan_lightning.provenance.identity import load
    except ImportError as error:
        raise missing_extra(setting) from error
    return load()
