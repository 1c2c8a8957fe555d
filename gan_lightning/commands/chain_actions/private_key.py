"""The key of an account in the environment, for automatic tests."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from gan_lightning.chain.accounts import KEY
from gan_lightning.errors import UserError

if TYPE_CHECKING:  # needs an extra
    from eth_account.signers.local import LocalAccount

PRIVATE_KEY = "GAN_CHAIN_PRIVATE_KEY"


def read_private_key() -> LocalAccount | None:
    """Return the account of the key in GAN_CHAIN_PRIVATE_KEY, with a warning; None if the variable is not set.

    Raises:
        UserError: if it is no key.
    """
    key = os.environ.get(PRIVATE_KEY)
    if not key:
        return None
    from eth_account import Account

    try:
        if not KEY.fullmatch(key):
            raise ValueError("not 64 hexadecimal digits")
        account: LocalAccount = Account.from_key(key)
    except ValueError as error:
        raise UserError(f"{PRIVATE_KEY}: is no private key: set 64 hexadecimal digits, or unset it") from error
    warning = "other programs of this user can read it: use it for automatic tests only"
    print(f"warning: {PRIVATE_KEY} is the key of {account.address}: {warning}", file=sys.stderr)
    return account
