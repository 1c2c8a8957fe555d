"""``gan-verify``: verifies where files come from."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser, add_chain, add_trust_code, add_trust_root, check_renamed, contract_of
from gan_lightning.errors import UserError, missing_extra, printable

if TYPE_CHECKING:  # of an extra
    from gan_lightning.chain.registry import WorksRegistry
    from gan_lightning.provenance.ledger import Ledger
    from gan_lightning.provenance.verdicts import Finding

HELP = """Verify where files come from: print a verdict for each file, with its reason.

    gan-verify --trust-root root.pem signed/*
    gan-verify found.png --ledger outputs/ledger
    gan-verify found.png --checkpoint outputs/demo --seed 0 --n 64
    gan-verify found_x4.png --checkpoint outputs/demo --input found.jpg --setting blend=0.5
    gan-verify outputs/demo/checkpoints/last.ckpt      by the statement beside it, last.ckpt.intoto.json
    gan-verify found.png --chain outputs/chain --account 0x…

trusted                             signed under a root that you trust, and not changed since
tampered                            changed since it was signed, or its manifest or statement is of another file
valid but unknown signer            not changed since it was signed, but under no root that you trust
stripped, but in the ledger         not signed, but a signer you trust has recorded its content in the ledger
registered on chain                 not signed, but an account you trust has registered its content as a work
regenerates from checkpoint + seed  not signed, but the checkpoint generates the same content
unknown                             none of these can be shown

Without --trust-root your own root certificate is trusted, if you have one. An account is trusted if you name it with
--account, or if an account statement, given or beside the file, links it with a signer you trust. With --chain, the
reason for any verdict also says whether the content is registered, by whom, since when, and who holds the title.
Exit code 0: all files are trusted; 1: some are not; 2: an error, such as a missing file, a changed ledger, or a chain
that does not answer.
"""


@command
def main() -> None:
    parser = Parser(prog="gan-verify", description=HELP)
    parser.add_argument("file", nargs="+", type=Path, help="sample, statement, or file that a statement is about")
    add_trust_root(parser)
    parser.add_argument("--ledger", metavar="DIR", type=Path, help="ledger that may have records of the files")
    parser.add_argument(
        "--checkpoint", metavar="RUN", help="run folder or .ckpt file to generate samples from, for comparison"
    )
    add_trust_code(parser, "package of your own that defines a modality, or that the checkpoint names")
    parser.add_argument("--seed", type=int, default=0, help="seed of samples without a record (0)")
    parser.add_argument("--n", type=int, default=64, help="number of samples generated together (64)")
    parser.add_argument("--condition", help="condition of the samples: a class or a file")
    parser.add_argument(
        "--input", metavar="IMAGE", type=Path, help="image that the checkpoint made the files from (generate input=…)"
    )
    parser.add_argument(
        "--setting",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="setting by which it made files without a manifest, such as blend=0.5; may be repeated",
    )
    add_chain(parser, "chain to look files up on: a folder, or the URL of a node")
    parser.add_argument(
        "--account", action="append", default=[], help="account to trust: an address or a name; may be repeated"
    )
    parser.add_argument(
        "--account-statement",
        metavar="FILE",
        action="append",
        default=[],
        type=Path,
        help="statement that links an account with a signer (gan-chain account link); may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines")
    check_renamed(sys.argv[1:], {"--trust": "--trust-root", "--package": "--trust-code"})
    arguments = parser.parse_intermixed_args()  # files may stand before and behind options
    findings = _findings(arguments)
    if arguments.json:
        print(json.dumps([asdict(one) for one in findings], indent=2))
    else:
        for one in findings:
            print(printable(f"{one.file}: {one.verdict}: {one.reason}"))
            if one.ingredients:
                print(printable(f"    made from {'; '.join(map(str, one.ingredients))}"))
    raise SystemExit(any(one.verdict != "trusted" for one in findings))


def _findings(arguments: argparse.Namespace) -> list[Finding]:
    try:
        from gan_lightning.provenance import identity, ledger
        from gan_lightning.provenance.records import MAX_N
        from gan_lightning.provenance.remaking import Remaker
        from gan_lightning.provenance.verify import Verifier
    except ImportError as error:
        raise missing_extra("gan-verify", "provenance") from error
    from gan_lightning.runs.checkpoints import load

    if not 0 <= arguments.seed < 2**63:
        raise UserError(f"--seed {arguments.seed}: must be 0 to 9223372036854775807")
    if not 0 < arguments.n <= MAX_N:
        raise UserError(f"--n {arguments.n}: must be 1 to {MAX_N}")
    for option in ("contract", "account", "account_statement"):
        if getattr(arguments, option) and not arguments.chain:
            raise UserError(f"--{option.replace('_', '-')}: also needs --chain")
    if arguments.input and not arguments.checkpoint:
        raise UserError("--input: also needs --checkpoint, the model that made an image of it")
    if arguments.setting and not arguments.input:
        raise UserError("--setting: also needs --input")
    for path in [*arguments.file, *([arguments.input] if arguments.input else [])]:
        if not path.is_file():
            why = "no file: give those in it" if path.is_dir() else "no regular file"
            raise UserError(f"{path}: {why if path.exists() else 'no such file'}")
    trusted_roots = identity.load_trusted_roots(arguments.trust_root)
    records = ledger.read_ledger(arguments.ledger, trusted_roots) if arguments.ledger else None
    packages = arguments.trust_code
    checkpoint = load(arguments.checkpoint, packages, "--trust-code {}") if arguments.checkpoint else None
    asked = (arguments.seed, arguments.n, arguments.condition)
    registry = _open_registry(arguments, trusted_roots, records) if arguments.chain else None
    remaker = None
    if checkpoint and arguments.input:
        remaker = Remaker(checkpoint, arguments.input, _parse_settings(arguments.setting))
    verifier = Verifier(
        trusted_roots, records, checkpoint, *asked, packages=packages, registry=registry, remaker=remaker
    )
    return [verifier.verify(path) for path in arguments.file]


def _parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Return the values of settings ``key=value``; raise UserError for other text."""
    values = {}
    for one in settings:
        key, equals, value = one.partition("=")
        try:
            values[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            equals = ""
        if not equals:
            raise UserError(f"--setting {one}: must be KEY=VALUE, such as blend=0.5")
    return values


def _open_registry(arguments: argparse.Namespace, trusted_roots: bytes, records: Ledger | None) -> WorksRegistry:
    from gan_lightning.chain import connect

    client = connect(arguments.chain, contract=contract_of(arguments))
    from gan_lightning.chain.registry import open_registry  # needs the extra that connect asks for
    from gan_lightning.provenance.contents import Contents

    contents = Contents(arguments.trust_code)
    folders = sorted({path.parent for path in arguments.file})
    accounts = arguments.account, arguments.account_statement, folders
    return open_registry(client, contents, *accounts, trusted_roots, records)


if __name__ == "__main__":
    main()
