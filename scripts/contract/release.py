"""Signs releases by EIP-712, for tests and measurements: independent of the client in gan_lightning/chain."""

from typing import Any

from eth_account.signers.local import LocalAccount

from scripts.contract.evm import Draft

TYPES = {
    "Payee": "address account,uint96 units",
    "Offer": (
        "uint96 price,uint48 from,uint48 until,uint32 term,uint32 editions,uint16 hands,bool revocable,bytes32 licence"
    ),
    "Release": (
        "bytes32 artifact,bytes32 metadata,uint16 royalty,uint16 share,Payee[] payees,uint256[] parts,Offer[] offers,"
        "uint256 deadline"
    ),
}
FIELDS = {
    name: [dict(zip(("type", "name"), one.split(), strict=True)) for one in text.split(",")]
    for name, text in TYPES.items()
}


def sign(key: LocalAccount, chain_id: int, contract: str, artifact: bytes, draft: Draft) -> bytes:
    """Return the signature of a release for the contract at an address of a chain."""
    message: dict[str, Any] = {"artifact": artifact, **draft._asdict(), "parts": list(draft.parts)}
    message["payees"] = [{"account": account, "units": units} for account, units in draft.payees]
    names = [field["name"] for field in FIELDS["Offer"]]
    message["offers"] = [dict(zip(names, offer, strict=True)) for offer in draft.offers]
    domain = {"name": "Works", "version": "1", "chainId": chain_id, "verifyingContract": contract}
    return bytes(key.sign_typed_data(domain, FIELDS, message).signature)
