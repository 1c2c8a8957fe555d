"""Folders of a user's images: the files that are read, those that are left out, and the cache of decoded images."""

import fcntl
import json
import os
import resource
import shutil

import pytest
from PIL import Image

from tests.test_bad_input import assert_refused

SMALL = [
    "data=image_folder",
    "data.root=pictures",
    "data.channels=1",
    "data.image_size=12",
    "data.batch_size=2",
    "model.generator.hidden_dims=[4]",
    "model.discriminator.hidden_dims=[4]",
    "callbacks.evaluation=null",
    "callbacks.collapse_alarm=null",
    "trainer=cpu",
    "max_iterations=1",
]


def draw(path, grey=0, form=None):
    """Write an image of one grey value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (12, 12), grey).save(path, form)


@pytest.fixture
def pictures(tmp_path):
    """Return a folder with two classes of four images each."""
    for name in "ab":
        for i in range(4):
            draw(tmp_path / "pictures" / name / f"{i}.png", 16 * i)
    return tmp_path / "pictures"


@pytest.fixture
def train(run, tmp_path):
    """Return train("key=value", …), which returns the data in the manifest of a run, and its output."""

    def call(*arguments):
        result = run("train", *SMALL, *arguments, "hydra.run.dir=" + str(tmp_path / "run"))
        assert (result.code, result.err) == (0, "")
        data = trained_on(tmp_path / "run")
        shutil.rmtree(tmp_path / "run")
        return data, result.out

    return call


def trained_on(folder):
    """Return the data in a run's manifest."""
    return json.loads((folder / "manifest.json").read_text())["data"]


def cached(tmp_path):
    """Return the names of the files in the cache of decoded images."""
    return {path.name for path in (tmp_path / "cache" / "gan-lightning").iterdir()}


def test_a_run_does_not_train_on_results_of_commands(run, pictures, monkeypatch):
    monkeypatch.chdir(pictures)
    here = [*SMALL, "data.root=.", "conditional=true"]
    assert "data.root=.: 8 images, 2 classes: a, b\n" in run("train", *here, "hydra.run.dir=outputs/first").out
    assert run("generate", "checkpoint=outputs/first", "n=4").code == 0
    shutil.copy("outputs/first/checkpoints/last.ckpt", ".")
    assert run("generate", "checkpoint=last.ckpt", "n=4").code == 0  # to generated/ beside it
    assert run("generate", "checkpoint=last.ckpt", "n=4", "format=files", "output=a/more").code == 0
    result = run("train", *here, "hydra.run.dir=outputs/second")
    left_out = "left out: results of commands: generated, a/more and 1 more"
    assert f"data.root=.: 8 images, 2 classes: a, b; {left_out}\n" in result.out
    assert trained_on(pictures / "outputs" / "first") == trained_on(pictures / "outputs" / "second")


def test_results_are_told_from_files_of_the_same_names(train, pictures):
    results = {"evaluation/x/metrics.json": '{"generators": {}}', "search/study.db": "", "sweep/multirun.yaml": ""}
    others = {"a/manifest.json": '{"images": []}', "b/metrics.json": "0"}
    for name, content in (results | others).items():
        draw((pictures / name).with_name("sheet.png"), 200)
        (pictures / name).write_text(content)
    for folder in (".ipynb_checkpoints", "@eaDir", "a/.git", "__MACOSX"):
        draw(pictures / folder / "hidden.png")
    data, said = train()
    assert (data["examples"], data["classes"]) == (10, ["a", "b"])
    assert "results of commands: evaluation/x, search and 1 more" in said


def test_the_root_may_be_a_run_itself(run, pictures, monkeypatch):
    monkeypatch.chdir(pictures)
    for how in (["hydra.run.dir=."], ["resume=.", "max_iterations=2"]):
        result = run("train", *SMALL, "data.root=.", *how)
        assert "data.root=.: 8 images, 2 classes: a, b" in result.out, result.err


@pytest.mark.parametrize(
    ("change", "arguments", "expected"),
    [
        ("cover.png", ["conditional=true"], "cover.png lies beside the folders that are the classes (a, b): move"),
        ("cover.png", ["data.num_classes=2"], "data.num_classes=2: data.root=pictures: cover.png lies beside"),
        ("", ["conditional=true", "data.root=pictures/a"], "pictures/a: holds 4 images, but not in subfolders"),
        ("", ["data.num_classes=2", "data.root=pictures/a"], "pictures/a: holds 4 images, but not in subfolders"),
        (
            "",
            ["conditional=true", "data.root=."],
            "pictures is the only class: data.root=pictures has the folders a, b",
        ),
        ("c/", ["data.num_classes=3"], "images are in 2 of its folders, a, b, and none in c"),
        ("", ["conditional=true", "data.root=nowhere"], "data.root=nowhere: no such folder"),
    ],
)
def test_unclear_classes_are_refused(run, tmp_path, pictures, change, arguments, expected):
    if change.endswith("/"):
        (pictures / change).mkdir()
    elif change:
        draw(pictures / change)
    assert_refused(run("train", *SMALL, *arguments), tmp_path, expected)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["data=digits", "data.num_classes=11"], "data.num_classes=11: only 10 classes occur: 0, 1, 2, 3"),
        (["data=fashion_mnist", "data.num_classes=11"], "there are 10 classes: T-shirt/top, Trouser"),
    ],
)
def test_more_classes_than_the_data_set_has_are_refused(run, tmp_path, arguments, expected):
    assert_refused(run("train", *arguments, "conditional=true"), tmp_path, expected)


def test_log_says_why_there_are_no_classes(train, pictures):
    draw(pictures / "cover.png", 99)
    data, said = train()
    assert "data.root=pictures: 9 images, without classes: cover.png lies beside the folders a, b\n" in said
    assert "classes" not in data


def test_log_says_what_is_left_out(train, pictures):
    for name in ("1.heic", "2.HEIC", "3.avif", "a/notes.txt", "labels.csv", ".DS_Store", ".thumb.avif"):
        (pictures / name).write_text("")
    (pictures / "empty").mkdir()
    draw(pictures / "a" / "from_a_browser.jfif", 3, "JPEG")
    data, said = train()
    left_out = "types that are not read: .heic 2, .avif 1; folders without images: empty"
    assert f"data.root=pictures: 9 images, 2 classes: a, b; left out: {left_out}\n" in said
    assert data["examples"] == 9


def test_unreadable_images_are_listed_and_the_others_decoded_once(run, train, tmp_path, pictures, monkeypatch):
    broken = [f"a/broken{i}.png" for i in range(4)]
    for name in broken:
        (pictures / name).write_text("no image")
    listed = f"{', '.join(broken[:3])} and 1 more; the first: {broken[0]}: not a readable image"
    assert_refused(run("train", *SMALL), tmp_path, "4 of 12 images cannot be read", listed)
    for name in broken:
        (pictures / name).unlink()
    monkeypatch.setattr("gan_lightning.data.image_folder.read_image", None)
    assert train()[0]["examples"] == 8


def test_another_set_with_the_same_names_sizes_and_times_is_decoded(train, tmp_path, pictures):
    other = tmp_path / "other" / "pictures"
    for path in sorted(pictures.rglob("*.png")):
        draw(other / path.relative_to(pictures), 255)
        path.write_bytes(path.read_bytes().ljust(200, b"\0"))
        copy = other / path.relative_to(pictures)
        copy.write_bytes(copy.read_bytes().ljust(200, b"\0"))
        for one in (path, copy):
            os.utime(one, (10**9, 10**9))
    first, second = train()[0], train(f"data.root={other}")[0]
    assert first["sha256"] != second["sha256"]

    for path in pictures.rglob("*.png"):  # in place: its inode remains
        path.write_bytes((other / path.relative_to(pictures)).read_bytes())
        os.utime(path, (10**9, 10**9))
    assert train()[0]["sha256"] == second["sha256"]


def test_a_disk_without_room_for_decoded_images_is_an_error(run, tmp_path, pictures):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        result = run("train", *SMALL, "data.image_size=200")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    folder = tmp_path / "cache" / "gan-lightning"
    assert_refused(result, tmp_path, f"data.cache_dir={folder}: 8 decoded images, 320,000 bytes, cannot be kept there")
    assert cached(tmp_path) == set()


def test_unfinished_files_of_ended_processes_are_removed(train, tmp_path, pictures):
    folder = tmp_path / "cache" / "gan-lightning"
    folder.mkdir(parents=True)
    gone, alive, foreign = (folder / f"{name}.tmp" for name in ("a" * 32 + ".01234567", "b" * 32 + ".89abcdef", "mine"))
    for path in (gone, alive, foreign):
        path.write_text("")
    with alive.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        train()
    assert {alive.name, foreign.name} < cached(tmp_path)
    assert gone.name not in cached(tmp_path)


def test_links_out_of_the_folder_need_a_setting(run, train, tmp_path, pictures):
    blobs = tmp_path / "blobs"
    for i, path in enumerate(sorted(pictures.rglob("*.png"))):
        blobs.mkdir(exist_ok=True)
        path.rename(blobs / f"{i:064x}")
        path.symlink_to(blobs / f"{i:064x}")
    draw(blobs / "c" / "0.png", 200)
    (pictures / "c").symlink_to(blobs / "c")
    assert_refused(run("train", *SMALL), tmp_path, "outside: put a copy there, remove it, or data.follow_links=true")
    data, _ = train("data.follow_links=true")
    assert (data["examples"], data["classes"]) == (9, ["a", "b", "c"])

    (blobs / f"{0:064x}").unlink()
    (pictures / "b" / "4.png").symlink_to("4.png")
    result = run("train", *SMALL, "data.follow_links=true")
    assert_refused(result, tmp_path, "2 of 10 images are links to files that are not there: a/0.png, b/4.png: fetch")
    (blobs / "c" / "up").symlink_to(tmp_path)
    assert_refused(run("train", *SMALL, "data.follow_links=true"), tmp_path, "the same folder", "remove the link")


def test_a_folder_that_cannot_be_read_is_an_error(run, tmp_path, pictures, monkeypatch):
    scandir = os.scandir

    def refusing(path):
        if os.fspath(path).endswith("b"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("gan_lightning.data.image_tree.os.scandir", refusing)  # root may read anything
    assert_refused(run("train", *SMALL), tmp_path, "pictures/b: Permission denied: make it readable, or move it away")


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("option", ["crawl_tiles", "artworks"])
def test_missing_folder_of_a_known_set_names_its_address(run, option, conditional):
    result = run("train", f"data={option}", f"conditional={conditional}", "trainer=cpu")
    assert result.code == 2
    (line,) = result.err.splitlines()
    assert line.startswith(f"error: data.root=data/{option}: no such folder: get the images from https://github.com/")
