"""Fixtures: an embedded chain with the contract, a market on it, and anvil, a real node."""

import hashlib
import json
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import requests
from eth_account import Account
from PIL import Image

from gan_lightning.chain import connect
from gan_lightning.chain.claims import Claim, Evidence, evidence_of_lines
from gan_lightning.chain.client import Client
from gan_lightning.commands import chain as gan_chain
from gan_lightning.provenance import identity
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


class Market:
    """Folder with files, a ledger with their claims, and an embedded chain; runs gan-chain in it.

    Args:
        called: the fixture of that name.
        folder: the folder.
    """

    def __init__(self, called: Callable[..., tuple[int, str]], folder: Path) -> None:
        self._called, self.folder = called, folder

    def run(self, *arguments: object) -> tuple[int, str]:
        """Return exit code and output of gan-chain."""
        return self._called(gan_chain.main, *arguments)

    def say(self, *arguments: object) -> str:
        """Return the output of gan-chain, which must succeed."""
        code, said = self.run(*arguments)
        assert code == 0, said
        return said

    def do(self, *arguments: object) -> dict:
        """Return the result of gan-chain --json, which must succeed."""
        return json.loads(self.say(*arguments, "--json"))["result"]

    def register(self, file: object, account: str, *arguments: object) -> int:
        """Register a claimed file and return the number of the work."""
        return self.do("register", file, "--ledger", "ledger", "--account", account, *arguments)["work"]

    def assert_refused(self, reason: str, *arguments: object) -> None:
        """Assert that gan-chain fails with one line that holds the reason, and changes nothing."""
        before = self.snapshot()
        code, said = self.run(*arguments)
        assert (code, said.count("\n"), said.startswith("error: ")) == (2, 0, True), said
        assert reason in said
        assert self.snapshot() == before

    def snapshot(self) -> dict[str, bytes]:
        """Return the content of all files; of the chain the rows, since SQLite may move them between its files."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
        content = {str(path): path.read_bytes() for path in files if not path.name.startswith("chain.sqlite")}
        for path in files:
            if path.name == "chain.sqlite":
                with closing(sqlite3.connect(path)) as connection:
                    rows = connection.execute("SELECT key, value FROM state ORDER BY key").fetchall()
                content[str(path)] = repr(rows).encode()
        return content

    def wait(self, seconds: int) -> None:
        """Let time pass on the chain."""
        connect(self.folder / "chain").advance(seconds)


@pytest.fixture
def market(
    made_once: Callable, called: Callable, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Market:
    """Market with an image and a film of alice, a song of bob and a photo of carol, all claimed and anchored."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAN_CHAIN", "chain")
    for name in ("GAN_CHAIN_ACCOUNT", "GAN_CHAIN_CONTRACT", "GAN_CHAIN_PRIVATE_KEY"):
        monkeypatch.delenv(name, raising=False)
    made = Market(called, tmp_path)

    def make() -> None:
        identity.create("Jane Doe", "Example")
        Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save("7.png")
        files = {"alice": ["7.png", "film.bin"], "bob": ["song.bin"], "carol": ["photo.bin"]}
        for account, names in files.items():
            for name in names:
                if not Path(name).exists():
                    Path(name).write_bytes(name.encode())
            made.do("claim", *names, "--ledger", "ledger", "--account", account)
        made.do("anchor", "ledger", "--account", "alice")

    made_once("market", tmp_path, make)
    return made
