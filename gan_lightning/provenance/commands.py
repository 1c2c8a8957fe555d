"""The commands about origin: errors of use are one line and exit code 2."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from gan_lightning.errors import UserError, fail

if TYPE_CHECKING:  # of an extra
    from gan_lightning.provenance.verify import Finding

IDENTITY = """Who signs your samples: a certificate and its key, kept outside of the repository.

    gan-identity init name="Jane Doe" organization="Example"          make a root and a certificate of your own
    gan-identity init certificate=chain.pem key=key.pem root=ca.pem   keep one that your organization has issued
    gan-identity export output=root.pem                               what others need in order to trust you

They lie in ~/.config/gan-lightning/, or in GAN_IDENTITY_DIR.
"""
VERIFY = """Where pictures come from, as far as it can be proved: a verdict for each, with its reason.

    gan-verify signed/*.png --trust root.pem
    gan-verify found.png --checkpoint outputs/demo --seed 0 --n 64

trusted                             signed by somebody whose root you trust, and not changed
tampered                            its manifest is about another file, or has been changed
valid but unknown signer            not changed, by whoever has signed it
regenerates from checkpoint + seed  the checkpoint draws the same picture
unknown                             none of these can be shown

Without --trust your own root is trusted, where you have one.
Exit code 0: all are trusted; 1: some are not; 2: an error of use.
"""
OWN, ISSUED = {"name", "organization"}, {"certificate", "key", "root"}


def identity() -> None:
    """``gan-identity``."""
    parser = argparse.ArgumentParser(description=IDENTITY, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["init", "export"])
    parser.add_argument("setting", nargs="*", help="key=value")
    arguments = parser.parse_args()
    try:
        print(_identity(arguments.action, _settings(arguments.setting)))
    except UserError as error:
        fail(error, debug=False)


def _identity(action: str, settings: dict[str, str]) -> str:
    try:
        from gan_lightning.provenance.identity import adopt, create, export
    except ImportError as error:
        raise UserError("gan-identity: needs an extra: pip install 'gan-lightning[provenance]'") from error

    keys = settings.keys()
    if action == "export" and keys == {"output"}:
        export(Path(settings["output"]))
        return settings["output"]
    if action == "init" and keys == OWN:
        return str(create(**settings))
    if action == "init" and keys == ISSUED:
        return str(adopt(**{key: Path(value) for key, value in settings.items()}))
    given = " ".join(f"{key}={value}" for key, value in settings.items()) or "nothing"
    ways = "output=…" if action == "export" else "name=… organization=…, or certificate=… key=… root=…"
    raise UserError(f"{given}: {action} takes {ways}")


def verify() -> None:
    """``gan-verify``."""
    parser = argparse.ArgumentParser(description=VERIFY, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="+", type=Path)
    parser.add_argument("--trust", metavar="PEM", nargs="+", type=Path, help="roots to trust")
    parser.add_argument("--checkpoint", help="a run's folder or a .ckpt file, to draw its samples again")
    parser.add_argument("--seed", type=int, default=0, help="of the samples, for pictures without a record (0)")
    parser.add_argument("--n", type=int, default=64, help="how many samples were drawn together (64)")
    parser.add_argument("--label", type=int, help="the class that was asked for, if one was")
    parser.add_argument("--json", action="store_true", help="instead of lines")
    arguments = parser.parse_args()
    try:
        findings = _findings(arguments)
    except UserError as error:
        fail(error, debug=False)
    if arguments.json:
        print(json.dumps([asdict(one) for one in findings], indent=2))
    else:
        for one in findings:
            print(f"{one.file}: {one.verdict}: {one.reason}")
    raise SystemExit(any(one.verdict != "trusted" for one in findings))


def _findings(arguments: argparse.Namespace) -> list[Finding]:
    try:
        from gan_lightning.provenance import identity
        from gan_lightning.provenance.verify import MAX_N, Verifier
    except ImportError as error:
        raise UserError("gan-verify: needs an extra: pip install 'gan-lightning[provenance]'") from error
    from gan_lightning.checkpoints import load

    if not 0 <= arguments.seed < 2**63:
        raise UserError(f"--seed {arguments.seed}: must be 0 to 9223372036854775807")
    if not 0 < arguments.n <= MAX_N:
        raise UserError(f"--n {arguments.n}: must be 1 to {MAX_N}")
    for path in arguments.file:
        if not path.is_file():
            raise UserError(f"{path}: no such file")
    checkpoint = load(arguments.checkpoint) if arguments.checkpoint else None
    anchors = identity.anchors(arguments.trust)
    verifier = Verifier(anchors, checkpoint, arguments.seed, arguments.n, arguments.label)
    return [verifier.judge(path) for path in arguments.file]


def _settings(arguments: list[str]) -> dict[str, str]:
    for argument in arguments:
        if "=" not in argument:
            raise UserError(f"{argument}: not of the form key=value")
    return dict(argument.split("=", 1) for argument in arguments)
