"""The parser and the options that commands over files share, and the check for renamed options in all commands."""

import argparse
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from gan_lightning.errors import UserError, exit_with_error


class Parser(argparse.ArgumentParser):
    """Parser of a command over files: an error is one line, and no option can be abbreviated.

    Args:
        **kwargs: as for :class:`argparse.ArgumentParser`; the line breaks of ``description`` are kept.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        exit_with_error(UserError(message.removeprefix("argument ")), debug=False)


def add_trust_root(parser: Parser) -> None:
    """Add ``--trust-root PEM``, the root certificates to trust."""
    parser.add_argument(
        "--trust-root", metavar="PEM", action="append", type=Path, help="root certificate to trust; may be repeated"
    )


def add_trust_code(parser: Parser, package: str) -> None:
    """Add ``--trust-code PACKAGE``, the packages of the user's own whose code may run.

    Args:
        parser: the parser of the command.
        package: description of such a package, for the help.
    """
    parser.add_argument(
        "--trust-code", metavar="PACKAGE", action="append", default=[], help=f"{package}; may be repeated"
    )


def add_chain(parser: Parser, chain: str) -> None:
    """Add ``--chain PLACE`` and ``--contract 0x…``.

    Args:
        parser: the parser of the command.
        chain: description of the chain, for the help.
    """
    parser.add_argument("--chain", metavar="PLACE", help=chain)
    parser.add_argument("--contract", metavar="0x…", help="address of the contract (GAN_CHAIN_CONTRACT, or chain.json)")


def contract_of(arguments: argparse.Namespace) -> str | None:
    """Return the contract of ``--contract`` or of GAN_CHAIN_CONTRACT; None for that of ``chain.json``."""
    return getattr(arguments, "contract", None) or os.environ.get("GAN_CHAIN_CONTRACT") or None


def check_renamed(arguments: Sequence[str], renamed: Mapping[str, str]) -> None:
    """Raise UserError for the first argument in an old spelling; the message names the new one.

    Args:
        arguments: the command line, without the program.
        renamed: the new name of each old option (``--old``) or key (``old``, of ``old=value``).
    """
    for argument in arguments:
        name, equals, value = argument.partition("=")
        new = renamed.get(name.lstrip("+"))
        if new and equals:
            raise UserError(f"{argument}: write {f'{new} {shlex.quote(value)}' if '--' in new else f'{new}={value}'}")
        if new and name.startswith("-"):
            raise UserError(f"{argument}: write {new}")
