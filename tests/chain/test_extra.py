"""Without the optional dependencies, each entrance of the client says in one line what to install."""

import sys

import pytest

from gan_lightning.chain import accounts, connect
from gan_lightning.errors import UserError


def test_missing_extra_is_told(tmp_path, monkeypatch):
    for module in ("client", "logs"):
        monkeypatch.delitem(sys.modules, f"gan_lightning.chain.{module}", raising=False)
    for package in ("web3.logs", "eth_account", "eth_utils.address"):
        monkeypatch.setitem(sys.modules, package, None)
    for call in (
        lambda: connect(tmp_path),
        lambda: accounts.create("alice", "secret"),
        lambda: accounts.checksum_address("0x" + "00" * 20),
    ):
        with pytest.raises(UserError, match=r"needs an extra: pip install 'gan-lightning\[chain\]'"):
            call()
