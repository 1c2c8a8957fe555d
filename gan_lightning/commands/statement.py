"""``gan-statement``: signs statements about a checkpoint, and about contributions to a run."""

import argparse
import sys
from pathlib import Path

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser, add_trust_code, check_renamed
from gan_lightning.errors import UserError, missing_extra
from gan_lightning.provenance import load_signer
from gan_lightning.system import interrupts

HELP = """Write a signed statement about a run beside its checkpoint, where gan-verify finds it.

    gan-statement checkpoint outputs/demo
    gan-statement contribution outputs/demo --data my_data
    gan-statement contribution outputs/demo --compute "3 hours of one H200"
"""
CHECKPOINT = """State how a checkpoint was made: config, iteration, revision, packages, data and metrics.

    gan-statement checkpoint outputs/demo
"""
CONTRIBUTION = """State that you gave data or computation to a run.

    gan-statement contribution outputs/demo --data my_data
    gan-statement contribution outputs/demo --compute "3 hours of one H200" --units 3
"""


@command
def main() -> None:
    parser = Parser(prog="gan-statement", description=HELP)
    actions = parser.add_subparsers(dest="action", required=True, metavar="checkpoint|contribution")
    checkpoint = actions.add_parser("checkpoint", help="state how a checkpoint was made", description=CHECKPOINT)
    contribution = actions.add_parser("contribution", help="state what you gave to a run", description=CONTRIBUTION)
    kind = contribution.add_mutually_exclusive_group(required=True)
    kind.add_argument("--data", type=Path, help="file or folder that you gave")
    kind.add_argument("--compute", metavar="TEXT", help="computation that you gave, in words")
    contribution.add_argument(
        "--units", metavar="N", type=int, help="weight among all contributions, for gan-chain register --run (1)"
    )
    for action in (checkpoint, contribution):
        action.add_argument("run", help="folder of the run, or a file in its checkpoints/")
        add_trust_code(action, "package of your own that the checkpoint names")
    check_renamed(sys.argv[1:], {"--package": "--trust-code"})
    print(_sign(parser.parse_args()))


def _sign(arguments: argparse.Namespace) -> Path:
    """Write the statement and return its path."""
    try:
        from gan_lightning.provenance.statements import attest_checkpoint, attest_contribution, describe_data
    except ImportError as error:
        raise missing_extra("gan-statement", "provenance") from error
    from gan_lightning.runs.checkpoints import load

    interrupts.raise_on_signals()
    identity = load_signer("gan-statement")
    if arguments.action == "checkpoint":
        return attest_checkpoint(identity, load(arguments.run, arguments.trust_code, "--trust-code {}"))
    if arguments.data is None and not arguments.compute.strip():
        raise UserError('--compute "": must say in words what was computed')
    if arguments.units is not None and arguments.units < 1:
        raise UserError(f"--units {arguments.units}: must be at least 1")
    contribution = describe_data(arguments.data) if arguments.data else {"compute": arguments.compute}
    if arguments.units is not None:
        contribution["units"] = arguments.units
    trained = load(arguments.run, arguments.trust_code, "--trust-code {}")
    return attest_contribution(identity, trained, contribution)


if __name__ == "__main__":
    main()
