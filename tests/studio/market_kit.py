"""Studio with a market for tests: items on disk, visitors, and requests to its routes."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image

from gan_lightning.studio.app import create_app
from gan_lightning.studio.market import Market
from gan_lightning.studio.settings import StudioSettings
from gan_lightning.studio.studio import Studio

ETHER = 10**18


@dataclass(frozen=True)
class Item:
    id: str
    artifact: str
    file: Path
    preview: str
    problem: None = None


class Gallery:
    """Gallery of images with known artifacts.

    Args:
        folder: folder of the images.
        size: number of images.
    """

    def __init__(self, folder: Path, size: int = 4) -> None:
        self._items = {}
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(size):
            file = folder / f"{index}.png"
            Image.fromarray(np.full((8, 8), index, dtype=np.uint8)).save(file)
            artifact = hashlib.sha256(f"item {index}".encode()).hexdigest()
            self._items[f"item{index}"] = Item(f"item{index}", artifact, file, f"/preview/{index}")

    def find(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def items(self) -> list[Item]:
        return list(self._items.values())


class Visitor:
    """Browser of one visitor.

    Args:
        app: the application.
    """

    def __init__(self, app) -> None:
        self.client = TestClient(app, base_url="http://127.0.0.1:8100")
        self.client.headers["X-Studio-Token"] = self.client.get("/api/studio").json()["token"]

    def get(self, path: str, code: int = 200, **parameters) -> dict:
        """Return the answer of a route of the market."""
        answer = self.client.get(f"/api/market{path}", params=parameters)
        assert answer.status_code == code, answer.text
        return answer.json()

    def post(self, action: str, code: int = 200, **request) -> dict:
        """Return the answer to an action."""
        answer = self.client.post(f"/api/market/{action}", json=request)
        assert answer.status_code == code, answer.text
        return answer.json()

    def refused(self, action: str, code: str, status: int = 409, **request) -> dict:
        """Return the error of an action, which must have the code and be one line."""
        error = self.post(action, status, **request)["error"]
        assert error["code"] == code, error
        assert "\n" not in error["message"]
        return error

    def finish(self, job: dict) -> dict:
        """Return a job that has ended."""
        for _ in range(300):
            if job["state"] != "running":
                return job
            job = self.get(f"/jobs/{job['id']}", wait=5)
        raise AssertionError(job)

    def register(self, item: str, account: str, **request) -> int:
        """Register an item and return the number of the work."""
        request = {"title": item.capitalize()} | request
        job = self.finish(self.post("register", 202, item=item, account=account, **request)["job"])
        assert job["state"] == "done", job
        return job["result"]["work"]


class Scene:
    """A studio that is running, without its worker.

    Args:
        folder: folder of everything.
        chain: URL of a node; None for an embedded chain.
        contract: address of the contract on the node.
    """

    def __init__(self, folder: Path, chain: str | None = None, contract: str | None = None) -> None:
        (folder / "runs").mkdir(exist_ok=True)
        settings = StudioSettings(folder / "runs", folder / "studio", folder / "ledger", chain=chain, contract=contract)
        self.studio = Studio(settings)
        self.gallery = Gallery(folder / "items")
        self.studio.market = self.market = Market(settings, self.gallery)
        self.app = create_app(self.studio)
        self.market.start()

    def wait(self) -> "Scene":
        """Wait until the chain is open."""
        for _ in range(600):
            if self.market.state()["state"] != "starting":
                break
            time.sleep(0.05)
        assert self.market.state()["state"] == "ready", self.market.state()
        return self

    def visitor(self) -> Visitor:
        return Visitor(self.app)

    def close(self) -> None:
        self.studio.close()


def addresses(visitor: Visitor) -> SimpleNamespace:
    """Return the addresses of the demo accounts by their names."""
    return SimpleNamespace(**{one["name"]: one["address"] for one in visitor.get("/state")["accounts"]})
