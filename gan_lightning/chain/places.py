"""Places where a chain is: the interface that a client needs, and nodes behind a URL."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import urlsplit

import requests
from requests.exceptions import InvalidSchema, InvalidURL, RequestException
from web3 import HTTPProvider, Web3
from web3.exceptions import BadResponseFormat, Web3Exception, Web3RPCError
from web3.middleware import ExtraDataToPOAMiddleware
from web3.types import RPCEndpoint

from gan_lightning.chain.contract import refusal_in
from gan_lightning.errors import UserError, missing_extra
from gan_lightning.provenance import identity

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount


MAX_ANSWER_TIME = 30.0  # seconds for one answer of a node
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://", re.ASCII)


class Unreachable(UserError):
    """A node does not answer."""


class Place(ABC):
    """A chain that a client talks to.

    Attributes:
        name: the folder or URL, for messages.
        web3: web3 on this chain.
        read_block: block whose state a read sees.
        blocks_at_once: number of blocks whose logs one request may ask for.
        demo_accounts: accounts with play money by their names.
    """

    name: str
    web3: Web3
    read_block: ClassVar[Literal["latest", "pending"]]
    blocks_at_once: ClassVar[int]
    demo_accounts: Mapping[str, "LocalAccount"]

    @abstractmethod
    def state_folder(self, chain_id: int) -> Path:
        """Return the folder of ``chain.json`` and of unfinished transactions."""

    @abstractmethod
    def advance(self, seconds: int) -> None:
        """Mine a block whose time is that many seconds after now; raise UserError if the chain is a public one."""

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raise each error of the body as a UserError: Refused, Unreachable, or another one with the reason."""
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            if refusal := refusal_in(error):
                raise refusal from error
            raise self.explain(error) from error

    def explain(self, error: Exception) -> UserError:
        """Return the error for a failed request that the contract did not refuse."""
        return UserError(f"{self.name}: {reason_of(error)}")


class Node(Place):
    """Chain of a node, by its JSON-RPC interface.

    Args:
        url: URL of the node, http or https.
        timeout: seconds to wait for an answer.
    """

    read_block = "latest"  # a pending transaction may never be mined
    blocks_at_once = 2**63  # it refuses what is too much
    demo_accounts: Mapping[str, "LocalAccount"] = {}

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        self.name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"  # the rest can hold the key of a provider
        # A lost connection is reported at once; the client decides what may be sent again.
        provider = HTTPProvider(url, request_kwargs={"timeout": timeout}, exception_retry_configuration=None)
        self.web3 = Web3(provider)
        self.web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)  # blocks of proof-of-authority chains

    def state_folder(self, chain_id: int) -> Path:
        return identity.folder() / "chains" / str(chain_id)

    def advance(self, seconds: int) -> None:
        with self.errors():
            for method, parameters in (("evm_increaseTime", [seconds]), ("evm_mine", [])):
                answer = self.web3.provider.make_request(RPCEndpoint(method), parameters)
                if "error" in answer:
                    raise UserError(f"{self.name}: only an embedded chain or a development node can skip time")

    def explain(self, error: Exception) -> UserError:
        if isinstance(error, (InvalidURL, InvalidSchema)):
            return UserError(f"--chain {self.name}: must be a folder or a URL, http:// or https://")
        if isinstance(error, requests.HTTPError) and error.response is not None:
            return Unreachable(f"{self.name}: the node answers with HTTP status {error.response.status_code}")
        if isinstance(error, (RequestException, BadResponseFormat, OSError)):
            return Unreachable(f"{self.name}: no answer from the node ({type(error).__name__}): check the URL")
        return super().explain(error)


def open_place(place: str | Path, create: bool, timeout: float) -> Place:
    """Return the node of a URL, or the embedded chain in a folder.

    Args:
        place: URL or folder.
        create: whether to create an embedded chain if the folder holds none.
        timeout: seconds to wait for a lock or an answer.
    """
    if isinstance(place, str) and _URL.match(place):
        return Node(place, min(timeout, MAX_ANSWER_TIME))
    try:
        from gan_lightning.chain.embedded import EmbeddedChain  # slow to import, and not needed for a node
    except ImportError as error:
        raise missing_extra(f"--chain {place}", "chain") from error
    return EmbeddedChain(Path(place), create=create, timeout=timeout)


def reason_of(error: Exception | str) -> str:
    """Return the message of an error of a node or of the embedded chain in one line."""
    reason: object = error
    if isinstance(error, Web3RPCError) and error.rpc_response:
        answer = error.rpc_response.get("error")
        reason = answer.get("message") if isinstance(answer, dict) else answer
    elif isinstance(error, Web3Exception) and error.user_message:
        reason = error.user_message
    return " ".join(str(reason).split())[:300] or type(error).__name__
