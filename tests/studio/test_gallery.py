"""The gallery: items on disk, their routes, and damaged items."""

import json
import os
import shutil

import pytest
from PIL import Image

from gan_lightning.studio import gallery
from gan_lightning.studio.items import Gallery
from gan_lightning.studio.refusals import Refusal
from tests.studio.run_folders import client_of, studio_with

pytestmark = pytest.mark.anyio

WORDS = {
    "checkpoint": "ab" * 32,
    "seed": "9223372036854775807",
    "n": 16,
    "condition": "7",
    "truncation": 1.0,
    "edit": None,
    "index": 3,
    "signer": "Jane Doe, Example",
    "model_name": "last.ckpt",
}
DETAILS = {
    "title": "数字 7 / “three”",
    "run": "demo",
    "run_name": "quickstart",
    "media_type": "image/png",
    "file": "seven.png",
    "preview": "seven.png",
    "artifact": "cd" * 32,
    "words": WORDS,
    "ledger": {"line": 5},
}


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def kept(tmp_path):
    return Gallery(tmp_path / "gallery")


@pytest.fixture
def add(kept, tmp_path):
    """Return a function that adds an item: an image, or a sound with a preview and a statement."""

    def add(sound=False, **details):
        folder = tmp_path / "unfinished"
        folder.mkdir()
        if sound:
            (folder / "钟.wav").write_bytes(b"RIFF")
            (folder / "钟.wav.intoto.json").write_text("{}")
            Image.new("L", (8, 8)).save(folder / "preview.png")
            details |= {"file": "钟.wav", "preview": "preview.png", "media_type": "audio/wav"}
        else:
            Image.new("L", (8, 8)).save(folder / "seven.png")
        return kept.add(folder, DETAILS | details)

    return add


class Market:
    """Market in which one artifact is registered."""

    def __init__(self, artifact=None, is_open=True):
        self.artifact, self.is_open = artifact, is_open

    def opened(self):
        if not self.is_open:
            raise Refusal(503, "chain_starting", "the chain is being opened")

    def work_of(self, artifact):
        return 7 if artifact == self.artifact else None


def client(kept, market=None):
    return client_of(gallery.router(studio_with(gallery=kept, market=market or Market())))


async def test_item_and_its_files(kept, add):
    added = add()
    async with client(kept) as visitor:
        (item,) = (await visitor.get("/api/gallery")).json()["items"]
        assert item == added == (await visitor.get(f"/api/gallery/{item['id']}")).json()["item"]
        assert item.pop("kept") > 1.6e9
        assert item == {
            "id": item["id"],
            "title": DETAILS["title"],
            "run": "demo",
            "run_name": "quickstart",
            "media_type": "image/png",
            "preview": f"/api/gallery/{item['id']}/preview",
            "file": f"/api/gallery/{item['id']}/file",
            "name": "数字-7-three.png",
            "statement": None,
            "artifact": DETAILS["artifact"],
            "words": WORDS,
            "ledger": {"line": 5},
            "work": None,
            "missing": False,
            "problem": None,
        }
        preview, file = [await visitor.get(item[name]) for name in ("preview", "file")]
    assert preview.content == file.content == kept.find(item["id"]).file.read_bytes()
    assert (preview.headers["content-type"], file.headers["content-type"]) == ("image/png", "image/png")
    expected = "attachment; filename=\"__-7-three.png\"; filename*=UTF-8''%E6%95%B0%E5%AD%97-7-three.png"
    assert file.headers["content-disposition"] == expected


async def test_file_with_a_statement_keeps_the_name_in_it(kept, add):
    item = add(sound=True)
    async with client(kept) as visitor:
        file, statement = [await visitor.get(item[name]) for name in ("file", "statement")]
        part = await visitor.get(item["file"], headers={"Range": "bytes=1-2"})
    assert item["name"] == "钟.wav"
    assert file.headers["content-disposition"].endswith("filename*=UTF-8''%E9%92%9F.wav")
    assert statement.headers["content-disposition"].endswith("%E9%92%9F.wav.intoto.json")
    assert file.headers["content-type"] == "audio/wav"
    assert (part.status_code, part.content) == (206, b"IF")  # a player jumps to any time


async def test_page_with_scripts_is_not_shown(kept, add):
    item = add(media_type="text/html")
    async with client(kept) as visitor:
        file = await visitor.get(item["file"])
    assert file.headers["content-type"] == "application/octet-stream"
    assert file.headers["content-disposition"].startswith("attachment;")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", "etc-passwd.png"),
        ("a\r\nSet-Cookie: x=1", "a-Set-Cookie-x-1.png"),
        ('"; filename="x.exe', "filename-x-exe.png"),
        ("...", "sample.png"),
        ("<b>bold</b>", "b-bold-b.png"),
        ("x" * 500, f"{'x' * 80}.png"),
    ],
)
async def test_names_of_downloads_are_safe(kept, add, title, name):
    item = add(title=title)
    assert item["name"] == name
    async with client(kept) as visitor:
        header = (await visitor.get(item["file"])).headers["content-disposition"]
    assert header == f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"


async def test_newest_item_is_first_and_a_restart_loses_nothing(kept, add):
    titles = ["one", "two", "three"]
    for title in titles:
        add(title=title)
    again = Gallery(kept.folder)
    assert [item.record.title for item in again.items()] == titles[::-1]
    assert again.find_artifact(DETAILS["artifact"]).title == "three"
    assert again.find_artifact("00" * 32) is None


def test_incomplete_item_is_not_added(kept, tmp_path):
    (tmp_path / "unfinished").mkdir()
    with pytest.raises(ValueError, match="artifact"):
        kept.add(tmp_path / "unfinished", DETAILS | {"artifact": "../x"})
    assert kept.items() == []


def damage(name):
    def change(folder):
        record = json.loads((folder / "record.json").read_text())
        outside = folder.parent.parent / "secret.png"
        outside.write_bytes(b"secret")
        if name == "file is a link":
            (folder / "seven.png").unlink()
            (folder / "seven.png").symlink_to(outside)
        elif name == "folder is a link":
            shutil.move(folder, folder.parent.parent / "elsewhere")
            folder.symlink_to(folder.parent.parent / "elsewhere")
        elif name == "no file":
            (folder / "seven.png").unlink()
        elif name == "no record":
            (folder / "record.json").unlink()
        elif name == "empty record":
            (folder / "record.json").write_text("")
        elif name == "pipe":
            (folder / "record.json").unlink()
            os.mkfifo(folder / "record.json")
        else:
            (folder / "record.json").write_text(json.dumps(record | {"file": name}))

    return change


@pytest.mark.parametrize(
    "name",
    [
        "no file",
        "no record",
        "empty record",
        "pipe",
        "file is a link",
        "folder is a link",
        "../../secret.png",
        "/etc/passwd",
    ],
)
async def test_damaged_item_is_missing(kept, add, name):
    good, bad = add(title="good"), add(title="bad")
    damage(name)(kept.folder / bad["id"])
    async with client(kept) as visitor:
        found = {item["id"]: item for item in (await visitor.get("/api/gallery")).json()["items"]}
        item = found[bad["id"]]
        assert not found[good["id"]]["missing"]
        assert item["missing"]
        assert item["problem"]
        assert item["kept"] > 1.6e9
        assert item["words"].keys() == WORDS.keys()
        for part in ("preview", "file", "statement"):
            answer = await visitor.get(f"/api/gallery/{bad['id']}/{part}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "item_damaged")
            assert b"secret" not in answer.content
        assert (await visitor.delete(f"/api/gallery/{bad['id']}")).json() == {"removed": bad["id"]}
        assert len((await visitor.get("/api/gallery")).json()["items"]) == 1
    assert kept.find(bad["id"]) is None
    assert [path.name for path in kept.folder.iterdir()] == [good["id"]]
    assert (kept.folder.parent / "secret.png").read_bytes() == b"secret"


async def test_registered_item_is_not_removed(kept, add):
    item = add()
    async with client(kept, Market(DETAILS["artifact"])) as visitor:
        assert (await visitor.get("/api/gallery")).json()["items"][0]["work"] == 7
        answer = await visitor.delete(f"/api/gallery/{item['id']}")
    expected = {"code": "registered", "message": "it is registered as work 7, so it stays in the gallery"}
    assert answer.status_code == 409
    assert answer.json()["error"] == expected | {"values": {"work": 7}}
    async with client(kept, Market(is_open=False)) as visitor:
        assert (await visitor.delete(f"/api/gallery/{item['id']}")).status_code == 503
    async with client(kept, Market()) as visitor:
        assert (await visitor.delete(f"/api/gallery/{item['id']}")).status_code == 200
        assert (await visitor.delete(f"/api/gallery/{item['id']}")).status_code == 404
    assert list(kept.folder.iterdir()) == []


@pytest.mark.parametrize("name", ["..", "%2e%2e", "..%2fsecret", "1700000000000-abcdef01", "x" * 5000, ".removed.x"])
async def test_unknown_items(kept, name):
    async with client(kept) as visitor:
        for path in (name, f"{name}/file", f"{name}/preview", f"{name}/statement"):
            assert (await visitor.get(f"/api/gallery/{path}")).status_code == 404


def test_interrupted_removal_is_completed(kept, add):
    item = add()
    (kept.folder / item["id"]).rename(kept.folder / f".removed.{item['id']}")
    assert Gallery(kept.folder).items() == []
    assert list(kept.folder.iterdir()) == []
