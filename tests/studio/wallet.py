"""Wallet for pages in tests: announced like a browser's extension, with keys that only the test's process has."""

import hashlib
import json
from typing import Any

import requests
from eth_account import Account

ANNOUNCEMENT = """
const listeners = {};
const provider = {
  request: async ({ method, params }) => {
    const { result, error } = await window.askWallet(method, params ?? []);
    if (error) throw error;
    return result;
  },
  on: (name, listener) => (listeners[name] ??= []).push(listener),
};
window.changeAccounts = (accounts) => listeners.accountsChanged.forEach((listener) => listener(accounts));
const info = { uuid: "00000000-0000-4000-8000-000000000000", name: "Wallet", icon: "", rdns: "test" };
const announce = () => dispatchEvent(new CustomEvent("eip6963:announceProvider", { detail: { info, provider } }));
addEventListener("eip6963:requestProvider", announce);
"""
ELSEWHERE = "0x1"  # chain that the wallet is on at first
REJECTED = {"code": 4001, "message": "User rejected the request."}


class Wallet:
    """Wallet with two accounts that have ether on a development node.

    Args:
        url: URL of the node.

    Attributes:
        accounts: its addresses.
        asked: methods that pages have called.
        rejects: True if the next request to sign is declined.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        keys = [Account.from_key(hashlib.sha256(f"wallet {i}".encode()).digest()) for i in range(2)]
        self._keys = {key.address: key for key in keys}
        self.accounts = list(self._keys)
        self.asked: list[str] = []
        self.rejects = False
        self._chain = ELSEWHERE
        for address in self.accounts:
            self._node("anvil_setBalance", address, hex(10**20))

    def inject(self, page) -> None:
        """Announce the wallet to a page that has not been loaded yet."""
        page.expose_function("askWallet", self._answer)
        page.add_init_script(ANNOUNCEMENT)

    def _answer(self, method: str, parameters: list[Any]) -> dict[str, Any]:
        self.asked.append(method)
        match method:
            case "eth_requestAccounts" | "eth_accounts":
                return {"result": self.accounts}
            case "eth_chainId":
                return {"result": self._chain}
            case "wallet_switchEthereumChain":
                self._chain = parameters[0]["chainId"]
                return {"result": None}
            case "eth_sendTransaction" | "eth_signTypedData_v4" if self.rejects:
                self.rejects = False
                return {"error": REJECTED}
            case "eth_sendTransaction":
                return {"result": self._send(parameters[0])}
            case "eth_signTypedData_v4":
                key = self._keys[parameters[0]]
                signed = key.sign_typed_data(full_message=json.loads(parameters[1]))
                return {"result": f"0x{bytes(signed.signature).hex()}"}
        return {"error": {"code": 4200, "message": f"{method} is not supported"}}

    def _send(self, request: dict[str, str]) -> str:
        signed = self._keys[request["from"]].sign_transaction(
            {
                "to": request["to"],
                "data": request["data"],
                "value": int(request["value"], 16),
                "gas": int(request["gas"], 16),
                "nonce": int(self._node("eth_getTransactionCount", request["from"], "pending"), 16),
                "maxFeePerGas": 2 * int(self._node("eth_gasPrice"), 16),
                "maxPriorityFeePerGas": 1,
                "chainId": int(self._node("eth_chainId"), 16),
            }
        )
        return self._node("eth_sendRawTransaction", f"0x{bytes(signed.raw_transaction).hex()}")

    def _node(self, method: str, *parameters: object) -> str:
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        answer = requests.post(self._url, json=question, timeout=10).json()
        assert "error" not in answer, answer
        return answer["result"]
