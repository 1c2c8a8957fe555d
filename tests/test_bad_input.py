"""A user's error gives one line and exit code 2, and leaves no files."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.conftest import FAST, write_idx
from tests.png import join_chunks


def assert_refused(result, folder, *expected):
    assert result.code == 2
    assert "Traceback" not in result.err
    (line,) = [line for line in result.err.splitlines() if line.startswith("error: ")]
    for text in expected:
        assert text in line
    assert not (folder / "outputs").exists(), "a refused command left a folder behind"


@pytest.mark.parametrize(
    ("folder", "name"),
    [("MNIST", "train-images-idx3-ubyte"), (".", "train-images.idx3-ubyte"), ("MNIST/raw", "train-images.idx3-ubyte")],
)
def test_misplaced_mnist(run, idx_folder, tmp_path, folder, name):
    wanted = idx_folder / "MNIST" / "raw" / "train-images-idx3-ubyte"
    wanted.rename(idx_folder / folder / name)
    result = run("train", *FAST[1:], f"data.root={idx_folder}")
    assert_refused(result, tmp_path, f"there is {idx_folder / folder / name}, which must be {wanted}")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            [*FAST[:2], "model=vae", "term=[mode_seeking]"],
            ["term=[mode_seeking]: the model takes no terms of the generator's loss: ~terms.mode_seeking"],
        ),
        # unknown keys, groups and options
        (["modl=mlp"], ["modl", "did you mean 'model'"]),
        (["model=mpl"], ["model=mpl", "did you mean 'mlp'", "mlp_small"]),
        (["trainer.max_epoch=3"], ["did you mean 'trainer.max_epochs'"]),
        (["batch_size=3"], ["did you mean 'data.batch_size'"]),
        (["+trainer.max_epoch=3"], ["trainer.max_epoch: unknown key", "did you mean 'max_epochs'"]),
        (["+model.generator.hiden_dims=[3]"], ["hiden_dims", "did you mean 'hidden_dims'"]),
        (["+sead=3"], ["sead", "did you mean 'seed'"]),
        (["~debug", "+sead=3"], ["sead", "did you mean 'seed'"]),
        (["+checkpoint.every_n_epoch=3"], ["checkpoint.every_n_epoch", "did you mean 'every_n_epochs'"]),
        (["model=mlp_small", "model.generator.hidden_dims=[3]"], ["did you mean 'model.generator.hidden_dim'"]),
        (["seed"], ["seed"]),
        (["--model=mlp"], ["--model=mlp: keys have no dashes before them: model=mlp"]),
        # types and ranges
        (["trainer.max_epochs=abc"], ["trainer.max_epochs=abc", "valid integer"]),
        (["trainer.max_epochs=-5"], ["trainer.max_epochs=-5", "greater than 0 or must be -1"]),
        (["trainer.precision=17"], ["trainer.precision=17", "bf16-mixed"]),
        (["matmul_precision=low"], ["matmul_precision=low", "medium"]),
        (["model.cuda_graph=maybe"], ["model.cuda_graph=maybe", "boolean"]),
        (["max_iterations=0"], ["max_iterations=0", "greater than 0"]),
        (["seed=-1"], ["seed=-1", "greater than or equal to 0"]),
        (["seed=1.5"], ["seed=1.5", "valid integer"]),
        (["data.batch_size=0"], ["data.batch_size=0", "greater than 0"]),
        (["data.batch_size=many"], ["data.batch_size=many", "valid integer"]),
        (["model.generator.latent_dim=0"], ["model.generator.latent_dim=0", "greater than 0"]),
        (["model.generator.hidden_dims=[16,-1]"], ["hidden_dims=[16, -1]", "item 1", "greater than 0"]),
        (["model.generator.hidden_dims=16"], ["hidden_dims=16", "list"]),
        (["model.generator_optimizer.lr=-1"], ["model.generator_optimizer.lr=-1", "greater than or equal to 0"]),
        (["model.generator_optimizer.lr=inf"], ["model.generator_optimizer.lr=inf", "finite"]),
        (["model.generator_optimizer.lr=fast"], ["model.generator_optimizer.lr=fast", "valid number"]),
        (["model.generator_optimizer.betas=[0,0.99]"], ["betas=[0, 0.99]", "item 0 must be written 0.0"]),
        (["model.generator_optimizer.betas=[0.5,1]"], ["betas=[0.5, 1]", "item 1", "less than 1"]),
        (["model.generator_optimizer.betas=[0.5]"], ["betas=[0.5]", "item 1 is missing"]),
        (["sample_every_n_epochs=0"], ["sample_every_n_epochs=0", "greater than 0"]),
        (["checkpoint.every_n_minutes=0"], ["checkpoint.every_n_minutes=0", "greater than 0"]),
        (["debug=perhaps"], ["debug=perhaps", "valid boolean"]),
        # targets and their arguments
        (["model.generator._target_=gan_lightning.networks.nope.Generator"], ["_target_", "cannot be imported"]),
        (["~model.generator.hidden_dims"], ["model.generator.hidden_dims: missing"]),
        (["model.generator.sample_shape=${nope}"], ["nope"]),
        (["data=image_folder"], ["data.root"]),
        (["~model._target_"], ["model=", "_target_"]),
        (["+callbacks.mine.every=3"], ["callbacks.mine", "_target_"]),
        (["model.objective=5"], ["model.objective=5", "_target_"]),
        (["model.generator=5"], ["model.prior.shape", "refers to generator.latent_dim"]),
        (["logger=null"], ["logger"]),
        (["~callbacks.nope"], ["callbacks.nope"]),
        # contradictions
        (["data.batch_size=5000"], ["data.batch_size=5000", "1,797"]),
        (["trainer=gpu"], ["trainer", "gpu"]),
        (["+trainer.max_steps=10"], ["trainer.max_steps=10", "max_iterations"]),
        (["+trainer.gradient_clip_val=1"], ["trainer", "gradient_clip_val"]),
        (["+trainer.min_epochs=2"], ["trainer.min_epochs=2", "max_iterations"]),
        (["trainer.devices=2"], ["trainer.devices=2", "trainer=ddp"]),
        (["data.sample_shape=[28,28]"], ["data.sample_shape=[28, 28]"]),
        (["data.sample_shape=[3,28,28]"], ["data.sample_shape=[3, 28, 28]"]),
        (["--config-dir=.", "batch_size=3"], ["did you mean 'data.batch_size'"]),
        (["-m", "resume=auto"], ["resume=auto", "-m"]),
        (["-m", "model=mlp,mpl"], ["did you mean 'mlp'"]),
        (["hydra.run.dir=/proc/nowhere/run"], ["/proc/nowhere", "No such file"]),
        (["seed=1,2"], ["seed=1,2", "needs -m"]),
        (["resume=nowhere"], ["resume=nowhere", "not the folder of a run"]),
        (["outputs/mlp"], ["outputs/mlp", "key=value"]),
        (["seed=a (b)"], ["seed=a (b)", "quotes"]),
        (["objective=[0]"], ["objective=0", "no such option"]),
        (["~debug"], ["debug: missing"]),
        (["on_divergence=ignore"], ["on_divergence=ignore", "rollback"]),
        (["checkpoint.every_n_iterations=0"], ["checkpoint.every_n_iterations=0", "greater than 0"]),
        (["objective._target_=collections.OrderedDict"], ["OrderedDict", "discriminator_loss"]),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_train(run, tmp_path, arguments, expected):
    base = [] if arguments[0].startswith(("data=", "model=mlp_small", "trainer=")) else FAST[:1]
    assert_refused(run("train", *arguments, *base), tmp_path, *expected)


def test_existing_folders_stay(run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "empty").mkdir()
    for folder in ("mine/new/run", "empty"):
        assert run("train", *FAST, "data.batch_size=5000", f"hydra.run.dir={folder}").code == 2
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["empty", "mine"]


def test_debug_shows_the_traceback(run):
    result = run("train", "data=digits", "debug=true", "seed=-1")
    assert result.code == 2
    assert "Traceback" in result.err


def test_mnist_without_files(run, tmp_path):
    result = run("train", "data.root=nowhere", "data.download=false")
    assert_refused(result, tmp_path, "data.root=nowhere", "GAN_DATA_DIR", "data=digits")


def test_mnist_without_network(run, tmp_path, monkeypatch):
    monkeypatch.setattr("torchvision.datasets.MNIST.mirrors", ["http://127.0.0.1:9/"])
    result = run("train", "data.root=nowhere")
    assert_refused(result, tmp_path, "data.root=nowhere", "cannot be downloaded", "GAN_DATA_DIR", "data=digits")
    assert not (tmp_path / "nowhere").exists()


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.mark.parametrize(
    ("file", "damage", "expected"),
    [
        (IMAGES, lambda content: content[:1000], ["100,368 bytes", "found 1,000"]),
        (IMAGES, lambda content: content[:10], ["found 10"]),
        (IMAGES, lambda content: b"", ["start with"]),
        (IMAGES, lambda content: b"\x1f\x8b" + content, ["start with 00000803", "found 1f8b0000"]),
        (LABELS, lambda content: content + b"\0", ["136 bytes", "found 137"]),
    ],
)
def test_mnist_broken_files(run, tmp_path, idx_folder, file, damage, expected):
    path = idx_folder / "MNIST" / "raw" / file
    path.write_bytes(damage(path.read_bytes()))
    result = run("train", f"data.root={idx_folder}", "data.checksums=null")
    assert_refused(result, tmp_path, str(path), *expected)


def test_mnist_with_other_content(run, tmp_path, idx_folder):
    assert_refused(run("train", f"data.root={idx_folder}"), tmp_path, IMAGES, "expected MD5 6bbc9ace")


def test_mnist_with_fewer_labels(run, tmp_path, idx_folder):
    write_idx(idx_folder / "MNIST" / "raw" / LABELS, np.zeros(127))
    result = run("train", f"data.root={idx_folder}", "data.checksums=null")
    assert_refused(result, tmp_path, "128 images but 127 labels")


def test_missing_image_folder(run, tmp_path):
    assert_refused(run("train", "data=image_folder", "data.root=nowhere"), tmp_path, "data.root=nowhere", "no such")


def test_image_folder_without_images(run, tmp_path):
    (tmp_path / "pictures" / "sub").mkdir(parents=True)
    (tmp_path / "pictures" / "notes.txt").write_text("none")
    assert_refused(run("train", "data=image_folder", "data.root=pictures"), tmp_path, "no images")


@pytest.mark.parametrize("content", [b"", b"not a picture", None])
def test_image_folder_with_an_unreadable_image(run, tmp_path, content):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 40), "red").save(folder / name)
    whole = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert_refused(run("train", "data=image_folder", "data.root=pictures"), tmp_path, "b.png", "not a readable image")
    (kept,) = (tmp_path / "cache").rglob("*.*")  # the cache of the intact image
    assert kept.suffix == ".npy"


def bomb(path, width, height):
    """Write a PNG file of a few bytes whose header claims a large image."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(9))), (b"IEND", b"")]
    path.write_bytes(join_chunks(chunks))


@pytest.mark.parametrize("size", [(20_000, 20_000), (2**31 - 1, 2**31 - 1), (9000, 8000)])
def test_image_bombs(run, tmp_path, size):
    (tmp_path / "pictures").mkdir()
    bomb(tmp_path / "pictures" / "a.png", *size)
    result = run("train", "data=image_folder", "data.root=pictures")
    assert_refused(result, tmp_path, "a.png", "more than 67,108,864 pixels: scale it down")
    result = run("evaluate", "samples=pictures", "data=digits")
    assert_refused(result, tmp_path, "a.png", "more than 67,108,864 pixels: scale it down")


@pytest.mark.parametrize(
    ("link", "target", "expected"),
    [
        ("pictures/b.png", "elsewhere/a.png", "outside: put a copy there"),
        ("pictures/sub", "elsewhere", "outside: put a copy there"),
        ("pictures/sub", "..", "outside: put a copy there"),
        ("pictures/sub", "pictures", "read already: remove the link"),
        ("pictures/deep/sub", "pictures/deep", "read already: remove the link"),
    ],
)
def test_links_that_leave_the_folder_or_repeat_it(run, tmp_path, link, target, expected):
    for name in ("pictures/a.png", "pictures/deep/a.png", "elsewhere/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40), "red").save(tmp_path / name)
    (tmp_path / link).symlink_to(tmp_path / target)
    assert_refused(run("train", "data=image_folder", "data.root=pictures"), tmp_path, link, expected)


def test_pipes_are_refused(run, tmp_path):
    (tmp_path / "pictures").mkdir()
    for name in ("pictures/a.png", "pipe.npz", "pipe.safetensors"):
        os.mkfifo(tmp_path / name)
    np.savez(tmp_path / "good.npz", np.zeros((9, 1, 28, 28), np.uint8))
    result = run("train", "data=image_folder", "data.root=pictures")
    assert_refused(result, tmp_path, "a.png", "not a regular file")
    for arguments, name in [
        (["samples=pictures"], "a.png"),
        (["samples=pipe.npz"], "pipe.npz"),
        (["samples=good.npz", "features=classifier", "features.path=pipe.safetensors"], "pipe.safetensors"),
        (["checkpoint=pipe.npz"], "pipe.npz"),
    ]:
        assert_refused(run("evaluate", *arguments, "data=digits"), tmp_path, name)


def test_arrays_that_unpack_to_more_than_memory(run, tmp_path, monkeypatch):
    monkeypatch.setattr("gan_lightning.modalities.arrays.MAX_ARRAY_BYTES", 2**20)
    np.savez_compressed(tmp_path / "bomb.npz", samples=np.zeros((2000, 1, 28, 28), np.uint8))
    result = run("evaluate", "samples=bomb.npz", "data=digits")
    assert_refused(result, tmp_path, "bomb.npz", "bytes when unpacked")


def test_arrays_that_are_objects(run, tmp_path):
    np.savez(tmp_path / "objects.npz", samples=np.array([{}], dtype=object))
    assert_refused(run("evaluate", "samples=objects.npz", "data=digits"), tmp_path, "objects.npz", "allow_pickle")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["checkpoint"]),
        (["checkpoint=nowhere"], ["checkpoint=nowhere", "does not exist"]),
        (["checkpoint=README.md"], ["README.md", "not a checkpoint"]),
        (["chekpoint=x"], ["did you mean 'checkpoint'"]),
        (["checkpoint=x", "n=0"], ["n=0", "greater than 0"]),
        (["checkpoint=x", "format=arrays", "interpolate=3"], ["format=arrays", "interpolate=3"]),
        (["checkpoint=x", "seed=9223372036854775808"], ["seed=9223372036854775808", "less than"]),
    ],
)
def test_generate(run, tmp_path, arguments, expected):
    (tmp_path / "README.md").write_text("# not a checkpoint")
    assert_refused(run("generate", *arguments), tmp_path, *expected)
    assert {path.name for path in tmp_path.iterdir()} - {"cache"} == {"README.md"}  # matplotlib caches its fonts
