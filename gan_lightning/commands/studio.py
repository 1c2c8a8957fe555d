"""``gan-studio``: serves the studio, a web page where people make, keep and sell samples of trained models."""

import argparse
import re
import secrets
import socket
import threading
import webbrowser
from pathlib import Path

from gan_lightning.commands.entry import command
from gan_lightning.commands.options import Parser, add_chain, add_trust_code, contract_of
from gan_lightning.errors import UserError, missing_extra
from gan_lightning.system import interrupts

HELP = """Serve the studio: a web page where people make, keep and sell samples of trained models.

    gan-studio outputs
    gan-studio outputs/demo --port 8200 --no-browser
    gan-studio outputs --chain http://127.0.0.1:8545 --contract 0x…
    gan-studio outputs --host 0.0.0.0 --token "$(openssl rand -hex 16)"

The page is for this machine only, unless --host names another address: then --token is needed, and every visitor needs
the address with the token that is printed. Without --chain, works are traded on an embedded chain with play money.
Ctrl-C stops the server; what is kept stays in --folder and --ledger.
"""
STOP_SECONDS = 3  # that open connections have when the server stops
MAX_CONNECTIONS = 500


@command
def main() -> None:
    parser = Parser(prog="gan-studio", description=HELP)
    parser.add_argument(
        "runs",
        metavar="FOLDER",
        type=Path,
        nargs="?",
        default=Path("outputs"),
        help="folder of runs, or of one run (outputs)",
    )
    parser.add_argument("--port", type=int, default=8100, help="port of the page; 0 for any free one (8100)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    parser.add_argument("--token", help="token that visitors need, at least 16 characters")
    add_chain(parser, "chain to trade on: a folder, or the URL of a node (an embedded chain in --folder)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    add_trust_code(parser, "package of your own that a checkpoint names")
    parser.add_argument(
        "--folder",
        metavar="DIR",
        type=Path,
        default=Path("outputs/studio"),
        help="folder of the gallery and the embedded chain (outputs/studio)",
    )
    parser.add_argument(
        "--ledger",
        metavar="DIR",
        type=Path,
        default=Path("outputs/ledger"),
        help="ledger that kept samples are added to (outputs/ledger)",
    )
    arguments = parser.parse_args()
    _check(arguments)
    listener = _listen(arguments.host, arguments.port)
    try:
        _serve(arguments, listener)
    finally:
        listener.close()


def _check(arguments: argparse.Namespace) -> None:
    try:
        import uvicorn  # noqa: F401

        from gan_lightning.studio.app import create_app  # noqa: F401  # imports the other parts of the extra
        from gan_lightning.studio.guards import is_loopback
    except ImportError as error:
        raise missing_extra("gan-studio", "studio") from error
    if not arguments.runs.is_dir():
        raise UserError(f"{arguments.runs}: no such folder: give a folder of runs, such as outputs, or train a run")
    if arguments.token is None and not is_loopback(arguments.host):
        example = f"--token {secrets.token_hex(16)}"
        raise UserError(f"--host {arguments.host}: other machines could use the studio: also give {example}")
    if arguments.token is not None and not re.fullmatch(r"[\w.~-]{16,200}", arguments.token, re.ASCII):
        raise UserError("--token: must be 16 to 200 letters, digits, dots, dashes, tildes and underscores")


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that is bound to the address."""
    if not 0 <= port < 2**16:
        raise UserError(f"--port {port}: must be 0 to 65535")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # With the protocol named, asyncio sends small answers without delay.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        return listener
    except OSError as error:
        raise UserError(f"--host {host} --port {port}: {error.strerror}: choose another port or address") from error


def _serve(arguments: argparse.Namespace, listener: socket.socket) -> None:
    import uvicorn

    from gan_lightning.studio.app import create_app
    from gan_lightning.studio.settings import StudioSettings
    from gan_lightning.studio.studio import Studio

    settings = StudioSettings(
        arguments.runs,
        arguments.folder,
        arguments.ledger,
        arguments.host,
        arguments.token,
        arguments.chain,
        contract_of(arguments),
        arguments.trust_code,
    )
    interrupts.raise_on_signals()
    config = uvicorn.Config(
        create_app(Studio(settings)),
        log_level="warning",
        lifespan="on",
        server_header=False,
        proxy_headers=False,  # the sender names itself there
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    url = _url(listener, arguments.host, arguments.token)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            print(f"studio: {url}", flush=True)
            if not arguments.no_browser:
                threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()

    Server(config).run([listener])


def _url(listener: socket.socket, host: str, token: str | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}/" + (f"?token={token}" if token else "")


if __name__ == "__main__":
    main()
