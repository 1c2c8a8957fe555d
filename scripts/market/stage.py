"""Runs the commands of a scene in this process, and prints them as they are typed."""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from gan_lightning.chain import connect
from gan_lightning.chain.client import Client
from gan_lightning.chain.terms import format_duration
from gan_lightning.commands import chain, identity, ledger, statement, verify
from gan_lightning.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
LEDGER = "ledger"
IDENTITIES = tempfile.TemporaryDirectory(prefix="gan-market-")  # removed when the process ends
COMMANDS = {
    "gan-chain": chain.main,
    "gan-identity": identity.main,
    "gan-ledger": ledger.main,
    "gan-statement": statement.main,
    "gan-verify": verify.main,
}


def run(program: str, *words: object, code: int = 0) -> None:
    """Run a command in this process; raise UserError if it ends with another exit code."""
    sys.argv = [program, *map(str, words)]
    print(f"$ {shlex.join(sys.argv)}", flush=True)
    found = 0
    try:
        COMMANDS[program]()
    except SystemExit as end:
        found = int(end.code or 0)
    if found != code:
        raise UserError(f"{shlex.join(sys.argv)}: exit code {found}, not {code}")


def run_script(script: str, *words: str) -> None:
    """Run a script of the project in a process of its own; raise UserError if it fails."""
    print(f"$ python {shlex.join([script, *words])}", flush=True)
    if code := subprocess.run([sys.executable, ROOT / script, *words]).returncode:
        raise UserError(f"{script}: exit code {code}")


def act_as(name: str) -> None:
    """Let the next commands use the identity of a person."""
    print(f"# {name}", flush=True)
    os.environ["GAN_IDENTITY_DIR"] = str(identity_folder(name))


def identity_folder(name: str) -> Path:
    return Path(IDENTITIES.name, name.split()[0].lower())


def client() -> Client:
    return connect("chain")


def claim(*files: str, account: str = "alice") -> None:
    """Claim files and anchor the ledger."""
    run("gan-chain", "claim", *files, "--ledger", LEDGER, "--account", account)
    run("gan-chain", "anchor", LEDGER)


def register(file: str, *options: object, account: str = "alice") -> int:
    """Register a file, and return the number of the work."""
    run("gan-chain", "register", file, "--ledger", LEDGER, *options, "--account", account)
    return client().events("Registered")[-1].arguments["work"]


def sale(price: str, editions: int | str) -> tuple[object, ...]:
    """Return the options of an offer."""
    return "--price", price, "--editions", editions


def collect(work: object, account: str) -> int:
    """Buy a copy of a work, and return its number."""
    run("gan-chain", "collect", work, "--account", account)
    return client().events("Sold")[-1].arguments["token"]


def sell(token: int, price: str, seller: str, buyer: str) -> None:
    """Sell a title or a copy that somebody holds to somebody else."""
    run("gan-chain", "list", token, "--price", price, "--account", seller)
    run("gan-chain", "buy", token, "--account", buyer)


def wait(seconds: int) -> None:
    """Let time pass on the chain."""
    client().advance(seconds)
    print(f"… {format_duration(seconds)} later", flush=True)
