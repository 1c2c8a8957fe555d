"""``gan-identity``: makes the identity that signs samples, and exports the root certificate that others trust."""

import argparse
import sys
from pathlib import Path

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser, check_renamed
from gan_lightning.errors import missing_extra, printable
from gan_lightning.system import interrupts

HELP = """Make the identity that signs your samples: a certificate and its private key.

    gan-identity init --name "Jane Doe" --organization "Example"
    gan-identity adopt --certificate chain.pem --key key.pem --root ca.pem
    gan-identity export --output root.pem

The files lie in ~/.config/gan-lightning/, or in the folder GAN_IDENTITY_DIR; never in a checkout.
"""
INIT = """Make a root certificate of your own, and a certificate issued by it that signs samples.

    gan-identity init --name "Jane Doe" --organization "Example"
"""
ADOPT = """Keep a certificate that your organization has issued, with its key.

    gan-identity adopt --certificate chain.pem --key key.pem --root ca.pem
"""
EXPORT = """Write your root certificate, which others need to trust your samples.

    gan-identity export --output root.pem
"""
RENAMED = {
    "name": "--name",
    "organization": "--organization",
    "certificate": "gan-identity adopt --certificate",
    "key": "gan-identity adopt --key",
    "root": "gan-identity adopt --root",
    "output": "--output",
}


@command
def main() -> None:
    parser = Parser(prog="gan-identity", description=HELP)
    actions = parser.add_subparsers(dest="action", required=True, metavar="init|adopt|export")
    init = actions.add_parser("init", help="make a root and a signing certificate of your own", description=INIT)
    init.add_argument("--name", required=True, help="your name, as others read it in signed files")
    init.add_argument("--organization", required=True, help="your organization, as others read it in signed files")
    adopt = actions.add_parser("adopt", help="keep a certificate that your organization issued", description=ADOPT)
    for option, meaning in {
        "--certificate": "the certificate that signs, then those between it and the root",
        "--key": "private key of the certificate, without a password",
        "--root": "root certificate of the organization",
    }.items():
        adopt.add_argument(option, metavar="PEM", type=Path, required=True, help=meaning)
    export = actions.add_parser("export", help="write your root certificate for others to trust", description=EXPORT)
    export.add_argument("--output", metavar="PEM", type=Path, required=True, help="new file to write")
    check_renamed(sys.argv[1:], RENAMED)
    print(printable(_run(parser.parse_args())))


def _run(arguments: argparse.Namespace) -> str:
    """Carry out the action and return the line to print."""
    try:
        from gan_lightning.provenance.identity import adopt, create, export
    except ImportError as error:
        raise missing_extra("gan-identity", "provenance") from error

    interrupts.raise_on_signals()
    if arguments.action == "init":
        return str(create(arguments.name, arguments.organization))
    if arguments.action == "adopt":
        return str(adopt(arguments.certificate, arguments.key, arguments.root))
    export(arguments.output)
    return str(arguments.output)


if __name__ == "__main__":
    main()
