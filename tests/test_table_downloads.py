"""Downloads of public tables, from a server on this machine."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gan_lightning.data.public_tables import GermanCredit
from tests.tables import write_uci_files

TRAIN = [
    *("data=german_credit", "data.root=downloads/german_credit", "data.sha256=null", "data.batch_size=32"),
    *("model=table_tree", "trainer=cpu", "max_iterations=1", "callbacks.evaluation=null", "hydra.run.dir=run"),
]
REMEDY = "or set GAN_DATA_DIR to the folder that holds german_credit/german.data"


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Return a folder that a server serves, from which ``german.data`` is downloaded, with a random table there."""
    write_uci_files(tmp_path / "served")
    folder = tmp_path / "served" / "german_credit"
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        (source,) = GermanCredit.sources
        found = hashlib.sha256((folder / "german.data").read_bytes()).hexdigest()
        address = f"http://127.0.0.1:{server.server_port}/german.data"
        monkeypatch.setattr(GermanCredit, "sources", (source._replace(address=address, sha256=found),))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder
        server.shutdown()


@pytest.mark.slow
def test_missing_table_is_downloaded_once(run, served, tmp_path):
    assert run("train", *TRAIN).code == 0
    downloaded = tmp_path / "downloads/german_credit/german.data"
    assert downloaded.read_bytes() == (served / "german.data").read_bytes()
    (served / "german.data").unlink()
    assert run("train", *TRAIN[:-1], "hydra.run.dir=again").code == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.unlink(), "HTTPError HTTP Error 404"),
        (lambda path: path.write_text("<html>This page has moved</html>", encoding="utf-8"), "invalid hash value"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "invalid hash value"),
    ],
    ids=["not there", "another page", "cut off"],
)
def test_failed_download_is_explained_in_one_line(run, served, tmp_path, change, reason):
    change(served / "german.data")
    result = run("train", *TRAIN)
    assert result.code == 2
    line = result.err.splitlines()[-1]
    assert "data.root=downloads/german_credit: german.data is not there and cannot be downloaded" in line
    assert reason in line
    assert line.endswith(REMEDY)
    assert "Traceback" not in result.err
    assert not (tmp_path / "downloads").exists()
