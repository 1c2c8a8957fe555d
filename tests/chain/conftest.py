"""Fixtures: an embedded chain with the contract, and anvil, a real node."""

import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from eth_account import Account

from gan_lightning.chain import connect
from gan_lightning.chain.claims import Claim, Evidence, evidence_of_lines
from gan_lightning.chain.client import Client
from gan_lightning.provenance.merkle import leaf_hash

ROOT = Path(__file__).parents[2]
ANVIL = ROOT / "scripts" / "contract" / "node_modules" / ".bin" / "anvil"
ANVIL_KEYS = (  # of anvil's first accounts, which are the same everywhere
    "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
)
ETHER = 10**18


def digest(text: object) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()


def single_claim(account: str, artifact: str) -> Evidence:
    """Return the proof of a claim in a ledger of one line."""
    claim = Claim(account.lower(), artifact, "file")
    return evidence_of_lines(claim, [leaf_hash(claim.line)], 0)


@pytest.fixture(autouse=True)
def identity_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep accounts and the state of chains away from those of the user."""
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    monkeypatch.delenv("GAN_CHAIN_PASSWORD_FILE", raising=False)
    return tmp_path / "identity"


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an embedded chain with the contract, to copy."""
    folder = tmp_path_factory.mktemp("deployed") / "chain"
    client = connect(folder, create=True)
    client.deploy(client.demo_accounts["alice"])
    return folder


@pytest.fixture
def folder(deployed: Path, tmp_path: Path) -> Path:
    """Folder of an embedded chain of this test, with the contract."""
    shutil.copytree(deployed, tmp_path / "chain")
    return tmp_path / "chain"


@pytest.fixture
def client(folder: Path) -> Client:
    return connect(folder)


@pytest.fixture
def anvil() -> Iterator[Callable[..., str]]:
    """Return a function that starts anvil with arguments and returns its URL."""
    program = str(ANVIL) if ANVIL.is_file() else shutil.which("anvil")
    if program is None:
        pytest.skip("anvil is missing: npm install in scripts/contract, or put it on PATH")
    running: list[subprocess.Popen] = []

    def start(*arguments: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        running.append(subprocess.Popen([program, "--port", str(port), "--silent", *arguments]))
        url = f"http://127.0.0.1:{port}"
        question = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
        for _ in range(400):
            try:
                requests.post(url, json=question, timeout=1)
                return url
            except requests.RequestException:
                time.sleep(0.05)
        raise AssertionError("anvil does not answer")

    yield start
    for process in running:
        process.terminate()
        process.wait()


@pytest.fixture
def rich() -> tuple:
    """Return anvil's first two accounts, which have ether."""
    return tuple(Account.from_key(key) for key in ANVIL_KEYS)
