"""``gan-verify``: where files come from."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.commands.entry import command
from gan_lightning.errors import UserError, printable
from gan_lightning.provenance import missing_extra

if TYPE_CHECKING:  # of an extra
    from gan_lightning.provenance.verdicts import Finding

HELP = """Where files come from, as far as it can be proved: a verdict for each, with its reason.

    gan-verify signed/* --trust     root.pem
    gan-verify found --ledger outputs/ledger
    gan-verify found --checkpoint outputs/demo --seed 0 --n 64
    gan-verify outputs/demo/checkpoints/last.ckpt      by the statement beside it, last.ckpt.intoto.json

trusted                             signed by somebody whose root you trust, and not changed
tampered                            its manifest or statement is about another file, or has been changed
valid but unknown signer            not changed, by whoever has signed it
stripped, but in the ledger         somebody whose root you trust has put a record of what it shows there
regenerates from checkpoint + seed  the checkpoint makes the same
unknown                             none of these can be shown

Without --trust your own root is trusted, where you have one.
Exit code 0: all are trusted; 1: some are not; 2: an error of use, or a ledger
that is not as it was signed.
"""


@command
def main() -> None:
    parser = argparse.ArgumentParser(description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="+", type=Path, help="a sample, a statement, or what one is about")
    parser.add_argument("--trust", metavar="PEM", nargs="+", type=Path, help="roots to trust")
    parser.add_argument("--ledger", metavar="DIR", type=Path, help="for files that have lost their record")
    parser.add_argument("--checkpoint", help="a run's folder or a .ckpt file, to draw its samples again")
    parser.add_argument(
        "--package", nargs="+", default=[], help="of your own, with a modality, or that the checkpoint names"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the samples, for files without a record (0)")
    parser.add_argument("--n", type=int, default=64, help="how many samples were drawn together (64)")
    parser.add_argument("--condition", help="what was asked for, if anything was: a class, a file")
    parser.add_argument("--json", action="store_true", help="instead of lines")
    arguments = parser.parse_args()
    findings = _findings(arguments)
    if arguments.json:
        print(json.dumps([asdict(one) for one in findings], indent=2))
    else:
        for one in findings:
            print(printable(f"{one.file}: {one.verdict}: {one.reason}"))
    raise SystemExit(any(one.verdict != "trusted" for one in findings))


def _findings(arguments: argparse.Namespace) -> list[Finding]:
    try:
        from gan_lightning.provenance import identity, ledger
        from gan_lightning.provenance.records import MAX_N
        from gan_lightning.provenance.verify import Verifier
    except ImportError as error:
        raise missing_extra("gan-verify") from error
    from gan_lightning.runs.checkpoints import load

    if not 0 <= arguments.seed < 2**63:
        raise UserError(f"--seed {arguments.seed}: must be 0 to 9223372036854775807")
    if not 0 < arguments.n <= MAX_N:
        raise UserError(f"--n {arguments.n}: must be 1 to {MAX_N}")
    for path in arguments.file:
        if not path.is_file():
            why = "no file: give those in it" if path.is_dir() else "no regular file"
            raise UserError(f"{path}: {why if path.exists() else 'no such file'}")
    anchors = identity.load_trusted_roots(arguments.trust)
    records = ledger.read_ledger(arguments.ledger, anchors) if arguments.ledger else None
    checkpoint = load(arguments.checkpoint, arguments.package, "--package {}") if arguments.checkpoint else None
    asked = (arguments.seed, arguments.n, arguments.condition)
    verifier = Verifier(anchors, records, checkpoint, *asked, packages=arguments.package)
    return [verifier.verify(path) for path in arguments.file]


if __name__ == "__main__":
    main()
