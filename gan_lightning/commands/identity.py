"""``gan-identity``: make who signs, and tell others whom to trust."""

import argparse
from pathlib import Path

from gan_lightning.commands.entry import command
from gan_lightning.errors import UserError, printable
from gan_lightning.provenance import missing_extra
from gan_lightning.system import interrupts

HELP = """Who signs your samples: a certificate and its key, kept outside of the repository.

    gan-identity init name="Jane Doe" organization="Example"          make a root and a certificate of your own
    gan-identity init certificate=chain.pem key=key.pem root=ca.pem   keep one that your organization has issued
    gan-identity export output=root.pem                               what others need in order to trust you

They lie in ~/.config/gan-lightning/, or in GAN_IDENTITY_DIR.
"""
OWN, ISSUED = {"name", "organization"}, {"certificate", "key", "root"}


@command
def main() -> None:
    parser = argparse.ArgumentParser(description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["init", "export"])
    parser.add_argument("setting", nargs="*", help="key=value")
    arguments = parser.parse_args()
    print(printable(_identity(arguments.action, _settings(arguments.setting))))


def _identity(action: str, settings: dict[str, str]) -> str:
    try:
        from gan_lightning.provenance.identity import adopt, create, export
    except ImportError as error:
        raise missing_extra("gan-identity") from error

    interrupts.raise_on_signals()
    keys = settings.keys()
    if action == "export" and keys == {"output"}:
        export(Path(settings["output"]).expanduser())
        return settings["output"]
    if action == "init" and keys == OWN:
        return str(create(**settings))
    if action == "init" and keys == ISSUED:
        return str(adopt(**{key: Path(value).expanduser() for key, value in settings.items()}))
    given = " ".join(f"{key}={value}" for key, value in settings.items()) or "nothing"
    ways = "output=…" if action == "export" else "name=… organization=…, or certificate=… key=… root=…"
    raise UserError(f"{given}: {action} takes {ways}")


def _settings(arguments: list[str]) -> dict[str, str]:
    for argument in arguments:
        if "=" not in argument:
            raise UserError(f"{argument}: not of the form key=value")
    return dict(argument.split("=", 1) for argument in arguments)


if __name__ == "__main__":
    main()
