"""Change one line of the contract at a time, and see whether its tests notice.

    python -m scripts.contract.mutants --page docs/chain.md        10 minutes on one core

Each mutant is compiled and tested: by random calls that are compared with the model, and if these find nothing by the
tests of single rules. Exit code 1 if more than two mutants survive.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser
from gan_lightning.errors import UserError
from gan_lightning.paths import PACKAGE
from gan_lightning.tables import markdown
from scripts.benchmarks.pages import replace_part

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
TESTS = {"random calls": "tests/chain/test_random_calls.py", "single rules": "tests/chain/test_rules.py"}
SOURCES = PACKAGE / "chain"
MOST_SURVIVORS = 2


class Mutant(NamedTuple):
    """A change of the contract: the error that it makes, the text that it replaces, and the new text."""

    error: str
    old: str
    new: str


MUTANTS = [
    Mutant("a later anchor replaces the first time", "if (anchoredAt[root] == 0) {", "{"),
    Mutant("left siblings are hashed on the right", "isLeft ? bytes", "!isLeft ? bytes"),
    Mutant("a root that is not anchored is accepted", "require(when != 0, NotAnchored(node));", ""),
    Mutant("any signature registers", "require(signed && block", "require(block"),
    Mutant("a release has no deadline", "signed && block.timestamp <= draft.deadline", "signed"),
    Mutant("a signature does not cover the parts", "keccak256(abi.encodePacked(draft.parts))", "bytes32(0)"),
    Mutant("registered in the block of the anchor", "require(when < block.timestamp, TooEarly());", ""),
    Mutant("an equally old claim displaces", "when < other.since &&", "when <= other.since &&"),
    Mutant("a creator displaces its own work", "when < other.since && creator != other.creator", "when < other.since"),
    Mutant("displaced at any time", "older && block.timestamp < other.contestable", "older"),
    Mutant("a displaced work stays valid", "other.void = true;", ""),
    Mutant("a part needs no permission", "allowed[address(0)] || allowed[w.creator]", "true || allowed[w.creator]"),
    Mutant("a displaced work becomes a part", "_isTitle(parts[i]) && !isOver(parts[i])", "_isTitle(parts[i])"),
    Mutant("shares exceed the price", "shares <= WHOLE, OutOfRange());", "true, OutOfRange());"),
    Mutant("payees of parts are not counted", "weight += _works[parts[i]].weight;", ""),
    Mutant("a payee has no units", "require(payees[i].units > 0, OutOfRange());", ""),
    Mutant(
        "changed offers keep the listing", "_checkHolder(work);\n        delete listings[work];", "_checkHolder(work);"
    ),
    Mutant("anybody sets offers", "_isTitle(work) && msg.sender == ownerOf(work), Unauth", "_isTitle(work), Unauth"),
    Mutant("an edition too many", "sold[work][index] < terms.editions", "sold[work][index] <= terms.editions"),
    Mutant("sold after its end", "require(terms.until == 0 || block.timestamp < terms.until, NotForSale());", ""),
    Mutant("a copy of a displaced work is sold", "offers.length && !isOver(work), NotFor", "offers.length, NotFor"),
    Mutant("a copy costs its price or more", "msg.value == terms.price", "msg.value >= terms.price"),
    Mutant("the term starts with the sale", "limited ? terms.until : _expiry(terms)", "_expiry(terms)"),
    Mutant("any listing number buys", "listing.number == number && number != 0", "number != 0"),
    Mutant("the seller also gets the royalty", "seller, msg.value - royalty", "seller, msg.value"),
    Mutant("money is withdrawn twice", "owed[account] = 0;", ""),
    Mutant("the first payee gets all", "            left -= due;\n", ""),
    Mutant("a displaced part is paid", "if (part.void || part.share == 0) continue;", ""),
    Mutant("a transfer keeps the listing", "delete listings[token];\n        if (to", "if (to"),
    Mutant("transfers without limit end", "c.hands != ANY && --c.hands == 0", "--c.hands == 0"),
    Mutant("a copy without transfers is transferred", "(_isTitle(token) || copies[token].hands != 0)", "true"),
    Mutant("a copy ends a second late", "expires != 0 && expires <= block", "expires != 0 && expires < block"),
    Mutant(
        "a copy is valid before its time", "offers[c.offer].from <= block.timestamp", "offers[c.offer].from <= 2**48"
    ),
    Mutant("an ended copy is revoked", "revocable && !isOver(copy)", "revocable"),
    Mutant("every copy is revocable", "offers[c.offer].revocable && !isOver", "offers[c.offer].hands >= 0 && !isOver"),
    Mutant("a title is burned by its holder", "require(!_isTitle(token), Unauthorized());", ""),
    Mutant("anybody burns a copy", "_checkAuthorized(ownerOf(token), msg.sender, token);", ""),
]


@command
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("--page", type=Path, help="Markdown page to write the table into")
    arguments = parser.parse_args()
    if not (FOLDER / "node_modules").is_dir():
        raise UserError("the Solidity compiler is missing: run `make contract`, which needs Node.js")
    start = time.monotonic()
    rows = []
    for mutant in MUTANTS:
        rows.append(test(mutant))
        print(f"{rows[-1]['mutant']}: {rows[-1]['found by'] or 'NOT FOUND'}", flush=True)
    survivors = sum(not row["found by"] for row in rows)
    text = (
        f"{markdown(list(rows[0]), rows)}\n\n"
        f"`python -m scripts.contract.mutants`: {len(rows) - survivors} of {len(rows)} mutants found, "
        f"{(time.monotonic() - start) / 60:.0f} minutes.\n"
    )
    print(f"\n{text}")
    if arguments.page:
        replace_part(arguments.page, "mutants", text)
    sys.exit(survivors > MOST_SURVIVORS)


def test(mutant: Mutant) -> dict[str, str]:
    """Compile a mutant and run the tests; return the row of the table."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        compile_mutant(mutant, folder)
        found_by = next((name for name, file in TESTS.items() if fails(file, folder / "Works.json")), "")
    return {"mutant": mutant.error, "found by": found_by}


def compile_mutant(mutant: Mutant, folder: Path) -> None:
    """Write the sources with the changed line, and the compiled contract, into a folder."""
    for path in SOURCES.glob("*.sol"):
        shutil.copy(path, folder)
    (path,) = [path for path in folder.glob("*.sol") if mutant.old in path.read_text(encoding="utf-8")]
    source = path.read_text(encoding="utf-8")
    assert source.count(mutant.old) == 1, mutant
    path.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
    compiled = subprocess.run(["node", FOLDER / "compile.js", folder], capture_output=True, text=True)
    assert compiled.returncode == 0, (mutant, compiled.stderr)


def fails(file: str, contract: Path) -> bool:
    """Return True if a file of tests fails with a contract."""
    options = ["-q", "-x", "--noconftest", "-p", "no:cacheprovider", "-m", "slow or not slow"]
    environment = os.environ | {"WORKS_JSON": str(contract)}
    command = [sys.executable, "-m", "pytest", *options, file]
    code = subprocess.run(command, env=environment, capture_output=True, cwd=ROOT).returncode
    assert code in (0, 1), f"pytest ended with exit code {code}"
    return code == 1


if __name__ == "__main__":
    main()
