"""The contract ``Works``: its interface, its refusals in words, and the typed data that creators sign."""

import ast
import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan_lightning.chain.works import Draft
from gan_lightning.errors import UserError

COMPILED = Path(__file__).with_name("Works.json")  # "abi" and "bytecode", written by the compiler
REFUSALS = {
    "NotAnchored": "no ledger that holds this claim was anchored: anchor the newest root of the ledger first",
    "TooEarly": "the claim was anchored in this very block: try again after the next block",
    "Unauthorized": "this account may not do that: use the account of the creator, the holder or whoever was allowed",
    "Taken": "the artifact is registered already, as work {work}, and the claim is not an older one within its 30 days",
    "OutOfRange": "a number or a part is out of range: check units, royalty, shares (100% at most in all) and parts",
    "NotForSale": "this is not for sale (any more), or its terms changed after you read them: look again",
    "WrongPrice": "the price is {price} wei: pay exactly that",
    "Over": "token {token} has ended or stays with its holder: it cannot be moved or sold",
    "ERC721NonexistentToken": "token {tokenId} does not exist",
    "ERC721InsufficientApproval": "{operator} neither holds token {tokenId} nor was approved by its holder",
    "ERC721IncorrectOwner": "token {tokenId} is held by {owner}, not by {sender}",
    "ERC721InvalidReceiver": "{receiver} cannot receive tokens: give an account, not address 0 or this contract",
    "ERC721InvalidSender": "{sender} cannot send tokens",
    "ERC721InvalidOwner": "{owner} cannot hold tokens: give an account, not address 0",
    "ERC721InvalidApprover": "{approver} does not hold the token and cannot approve others",
    "ERC721InvalidOperator": "{operator} cannot be an operator: give an account, not address 0",
    "FailedCall": "the account did not take the payment: it is a contract that receives no ether",
    "InsufficientBalance": "the contract holds {balance} wei and {needed} wei are needed",
    "Error": "{message}",
    "Panic": "an index or a number is out of range (panic {code})",
}
_BUILT_IN = {"Error": ["string message"], "Panic": ["uint256 code"]}  # errors of Solidity itself
TYPES = {  # of EIP-712
    "EIP712Domain": ["string name", "string version", "uint256 chainId", "address verifyingContract"],
    "Payee": ["address account", "uint96 units"],
    "Offer": [
        "uint96 price",
        "uint48 from",
        "uint48 until",
        "uint32 term",
        "uint32 editions",
        "uint16 hands",
        "bool revocable",
        "bytes32 licence",
    ],
    "Release": [
        "bytes32 artifact",
        "bytes32 metadata",
        "uint16 royalty",
        "uint16 share",
        "Payee[] payees",
        "uint256[] parts",
        "Offer[] offers",
        "uint256 deadline",
    ],
}


class Refused(UserError):
    """The contract refuses a call.

    Args:
        name: name of the contract's error.
        message: the reason and the remedy in words.
        values: arguments of the error by their names.
    """

    def __init__(self, name: str, message: str, values: Mapping[str, Any]) -> None:
        super().__init__(f"the contract refuses: {message}")
        self.name, self.values = name, values


@functools.cache
def compiled() -> dict[str, Any]:
    """Return the ABI and the bytecode of the contract.

    Raises:
        UserError: if the contract was not compiled.
    """
    try:
        return dict(json.loads(COMPILED.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise UserError(f"{COMPILED}: cannot be read: compile the contract: make contract") from error


def refusal_in(error: Exception) -> Refused | None:
    """Return the refusal of the contract that an error of a node or of the embedded chain holds; None for others.

    A node hands over the data of the refusal in hexadecimal, eth-tester as the ``repr`` of bytes inside its message.
    """
    from eth_abi import abi
    from eth_abi.exceptions import DecodingError

    for data in _refusal_data(error):
        for name, inputs in _errors_by_selector().get(data[:4], []):
            try:
                values = abi.decode([kind for kind, _ in inputs], data[4:])
            except DecodingError:
                continue
            named = {key: _plain(value) for (_, key), value in zip(inputs, values, strict=True)}
            return Refused(name, REFUSALS.get(name, name).format(**named), named)
    return None


def release_message(contract: str, chain_id: int, artifact: str, draft: Draft) -> dict[str, Any]:
    """Return the typed data (EIP-712) by whose signature a creator lets others register a draft.

    Args:
        contract: address of the contract.
        chain_id: number of the chain.
        artifact: digest of the artifact, hexadecimal.
        draft: the draft.
    """
    fields = [field.split()[1] for field in TYPES["Release"]]
    message = dict(zip(fields, (bytes.fromhex(artifact), *draft.as_tuple()), strict=True))
    for key, kind in {"payees": "Payee", "offers": "Offer"}.items():
        names = [field.split()[1] for field in TYPES[kind]]
        message[key] = [dict(zip(names, values, strict=True)) for values in message[key]]
    return {
        "types": {
            kind: [dict(zip(("type", "name"), field.split(), strict=True)) for field in fields_of_kind]
            for kind, fields_of_kind in TYPES.items()
        },
        "primaryType": "Release",
        "domain": {"name": "Works", "version": "1", "chainId": chain_id, "verifyingContract": contract},
        "message": message,
    }


@functools.cache
def _errors_by_selector() -> dict[bytes, list[tuple[str, list[tuple[str, str]]]]]:
    """Return names and inputs, as (type, name), of the errors of the contract and of Solidity by their selectors."""
    from eth_utils.crypto import keccak

    errors = {
        one["name"]: [(given["type"], given["name"]) for given in one["inputs"]]
        for one in compiled()["abi"]
        if one["type"] == "error"
    }
    for name, inputs in _BUILT_IN.items():
        errors[name] = [(given.split()[0], given.split()[1]) for given in inputs]
    selectors: dict[bytes, list[tuple[str, list[tuple[str, str]]]]] = {}
    for name, inputs_of_error in errors.items():
        signature = f"{name}({','.join(kind for kind, _ in inputs_of_error)})"
        selectors.setdefault(keccak(text=signature)[:4], []).append((name, inputs_of_error))
    return selectors


def _refusal_data(error: Exception) -> list[bytes]:
    """Return the byte strings in an error that can be the data of a refusal."""
    found = []
    data = getattr(error, "data", None)
    for text in [*([data] if isinstance(data, str) else []), str(error)]:
        if match := re.search(r"0x((?:[0-9a-fA-F]{2}){4,})", text):
            found.append(bytes.fromhex(match[1]))
        if match := re.search(r"b'(?:[^'\\]|\\.)*'|b\"(?:[^\"\\]|\\.)*\"", text):
            found.append(ast.literal_eval(match[0]))
    return found


def _plain(value: Any) -> Any:
    return f"0x{value.hex()}" if isinstance(value, bytes) else value
