"""``gan-statement``: say what a checkpoint was made of, or what you gave to it, and sign that."""

import argparse
from pathlib import Path

from gan_lightning.commands.entry import command
from gan_lightning.errors import UserError
from gan_lightning.provenance import load_signer, missing_extra
from gan_lightning.system import interrupts

HELP = """Signed statements about a run, written beside its checkpoint; gan-verify reads them.

    gan-statement checkpoint outputs/demo                                    what it was made of
    gan-statement contribution outputs/demo --data my_data                   what you gave to it
    gan-statement contribution outputs/demo --compute "3 hours of one H200"
"""


@command
def main() -> None:
    parser = argparse.ArgumentParser(description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True, metavar="checkpoint|contribution")
    for action, what in {"checkpoint": "what it was made of", "contribution": "what you gave to a run"}.items():
        one = actions.add_parser(action, help=what)
        one.add_argument("run", help="a run's folder, or a file in its checkpoints/")
        one.add_argument("--package", nargs="+", default=[], help="of your own, that the checkpoint names")
        if action == "contribution":
            kind = one.add_mutually_exclusive_group(required=True)
            kind.add_argument("--data", type=Path, help="a file, or a folder with all that is in it")
            kind.add_argument("--compute", help="in words")
    arguments = parser.parse_args()
    print(_state(arguments))


def _state(arguments: argparse.Namespace) -> Path:
    try:
        from gan_lightning.provenance.statements import attest_checkpoint, attest_contribution, describe_data
    except ImportError as error:
        raise missing_extra("gan-statement") from error
    from gan_lightning.runs.checkpoints import load

    interrupts.raise_on_signals()
    identity = load_signer("gan-statement")
    if arguments.action == "checkpoint":
        return attest_checkpoint(identity, load(arguments.run, arguments.package, "--package {}"))
    if arguments.data is None and not arguments.compute.strip():
        raise UserError('--compute "": must say in words what was computed')
    contribution = describe_data(arguments.data) if arguments.data else {"compute": arguments.compute}
    return attest_contribution(identity, load(arguments.run, arguments.package, "--package {}"), contribution)


if __name__ == "__main__":
    main()
