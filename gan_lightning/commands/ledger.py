"""``gan-ledger``: what a ledger holds, and proof of it for others."""

import argparse
from pathlib import Path

from gan_lightning.commands.entry import command
from gan_lightning.errors import printable
from gan_lightning.provenance import missing_extra
from gan_lightning.system import interrupts

HELP = """The ledger of all signed samples: what is changed in it is noticed; what is removed, by who has kept a root.

    gan-ledger root outputs/ledger --output root.json      the newest signed root, to keep or to publish
    gan-ledger prove outputs/ledger --file 7.png --output proof.json       that it has a record of what a file shows
    gan-ledger prove outputs/ledger --since root.json --output proof.json  that it has only grown since
    gan-ledger check outputs/ledger --since root.json      that it is what was signed, and has only grown
    gan-ledger check proof.json --file 7.png               a proof, without the ledger

Without --trust your own root is trusted, where you have one.
Exit code 0: it holds, and who has signed is trusted; 1: not; 2: an error of use.
"""


@command
def main() -> None:
    parser = argparse.ArgumentParser(description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True, metavar="root|prove|check")
    for action, what in {"root": "the newest signed root", "prove": "a proof", "check": "whether it holds"}.items():
        one = actions.add_parser(action, help=what)
        one.add_argument("path", type=Path, help="folder of the ledger" + " or a proof" * (action == "check"))
        one.add_argument("--trust", metavar="PEM", nargs="+", type=Path, help="roots to trust")
        if action != "root":
            about = one.add_mutually_exclusive_group(required=action == "prove")
            about.add_argument("--file", type=Path, help="that a record is about")
            one.add_argument("--package", nargs="+", default=[], help="of your own, with the file's modality")
            about.add_argument("--since", metavar="ROOT", type=Path, help="an earlier signed root")
        if action != "check":
            one.add_argument("--output", type=Path, help="file to write it to")
    arguments = parser.parse_args()
    line, good = _answer(arguments)
    print(printable(line))
    raise SystemExit(not good)


def _answer(arguments: argparse.Namespace) -> tuple[str, bool]:
    """A line, and whether what is asked for holds."""
    try:
        from gan_lightning.commands.ledger_actions import ACTIONS, LedgerChanged
    except ImportError as error:
        raise missing_extra("gan-ledger") from error

    interrupts.raise_on_signals()
    try:
        return ACTIONS[arguments.action](arguments)
    except LedgerChanged as error:
        return str(error), False


if __name__ == "__main__":
    main()
