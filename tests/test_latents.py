"""Samples that gan-generate steers by styles: truncation, walks, mixing, projection and edits."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.commands import projection as project_command
from gan_lightning.commands import steering, verify
from gan_lightning.commands.steering import parse_levels
from gan_lightning.errors import UserError
from gan_lightning.latents import projection
from gan_lightning.latents.directions import Directions, measured, read_directions, write_directions
from gan_lightning.latents.edits import SteeredGenerator
from gan_lightning.latents.mixing import mix
from gan_lightning.latents.walk import Walk
from gan_lightning.modalities.image import Images, to_uint8
from gan_lightning.provenance import identity
from gan_lightning.provenance.records import parse_record
from gan_lightning.provenance.verdicts import Verdict
from gan_lightning.provenance.verify import Verifier
from gan_lightning.runs.checkpoints import load
from gan_lightning.runs.steering import parse_edit
from tests.conftest import FAST

SMALL = [
    "data=avatars",
    "data.images=64",
    "data.test_images=64",
    "data.batch_size=8",
    "model=stylegan",
    "model.generator.width=2",
    "model.generator.style_dim=8",
    "model.generator.latent_dim=8",
    "model.discriminator.width=2",
    "trainer=cpu",
    "callbacks.evaluation=null",
    "callbacks.collapse_alarm=null",
    "max_iterations=2",
]


@pytest.fixture
def styled(trained_once, tmp_path, monkeypatch):
    """Train a small style generator, and make projections short."""
    trained_once("styled", *SMALL, "hydra.run.dir=run")
    monkeypatch.setattr(projection, "STEPS", 20)
    monkeypatch.setattr(projection, "STEPS_PLUS", 10)
    monkeypatch.setattr(project_command, "CANDIDATES", 8)
    monkeypatch.setattr(project_command, "OWN", 2)
    return load("run")


def arrays(run, *arguments):
    result = run("generate", "checkpoint=run", "n=3", "format=arrays", *arguments)
    assert result.code == 0, result.err
    return np.load(result.out.strip())["samples"]


@pytest.mark.slow
def test_truncation(run, styled):
    model, generator = styled.model, styled.model.ema.eval()
    assert np.array_equal(arrays(run), to_uint8(model.sample(3)).numpy())
    half = arrays(run, "truncation=0.5")
    assert np.array_equal(half, to_uint8(model.sample(3, truncation=0.5)).numpy())
    with torch.no_grad():
        mean = to_uint8(generator.synthesize(generator.mean_style().expand(1, generator.levels, -1))).numpy()
    for image in arrays(run, "truncation=0"):
        assert np.array_equal(image, mean[0])


def test_walk_is_straight_between_styles(run, styled):
    model = styled.model
    model.ema = SteeredGenerator(model.ema.eval(), truncation=0.5)
    walk = Walk(model, model.sample_latent(2, 3), model.sample_latent(2, 4), None, None)
    torch.testing.assert_close(walk.samples([0.0]), model.sample(2, seed=3))
    torch.testing.assert_close(walk.samples([1.0]), model.sample(2, seed=4))
    ends = [model.ema.styles(model.sample_latent(2, seed)) for seed in (3, 4)]
    with torch.no_grad():
        torch.testing.assert_close(walk.samples([0.5]), model.ema.synthesize((ends[0] + ends[1]) / 2))
    result = run("generate", "checkpoint=run", "n=2", "interpolate=3", "truncation=0.5")
    assert result.out == "run/generated/last_n2_seed0_truncation0.5_walk3.gif\n", result.err
    with Image.open(result.out.strip()) as gif:
        assert gif.n_frames == 6


def test_mixing_table(run, styled):
    result = run("generate", "checkpoint=run", "n=2", "seed=5", "mix=1-2")
    assert result.out == "run/generated/last_n2_seed5_mix1-2.png\n", result.err
    generator = styled.model.ema.eval()
    with torch.no_grad():
        left, top = (generator.styles(styled.model.sample_latent(2, seed)) for seed in (5, 6))
        cells = []
        for one in left:
            for other in top:
                styles = one.clone()
                styles[1:3] = other[1:3]
                cells.append(styles)
        assert torch.equal(mix(left, top, range(1, 3)), torch.stack(cells))
        white = torch.ones(1, 3, 32, 32)
        left, top, cells = (generator.synthesize(one) for one in (left, top, torch.stack(cells)))
    content = to_uint8(torch.cat([white, top, left[:1], cells[:2], left[1:], cells[2:]]))
    with Image.open(result.out.strip()) as table:
        assert np.array_equal(np.asarray(table), Images(3, 32, 32).sheet(content, 3))


@pytest.mark.slow
def test_projection_of_an_own_sample(run, styled, tmp_path):
    assert run("generate", "checkpoint=run", "n=1", "seed=9", "format=files", "output=own").code == 0
    outputs = [run("generate", "checkpoint=run", "project=own/000000.png", f"output={i}.png") for i in range(2)]
    assert outputs[0].code == 0, outputs[0].err
    assert Path("0.png").read_bytes() == Path("1.png").read_bytes()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in outputs[0].out.splitlines()[2:-1]]
    values = {row[1]: [float(one) for one in row[2:]] for row in rows if row[0] == "PSNR (dB)"}
    assert list(values) == ["000000.png", "own samples, mean of 2", "own samples, worst"]
    with Image.open("0.png") as sheet:
        assert sheet.size == (3 * 68 + 4, 68 + 4)
    generator, data = styled.model.ema.eval(), styled.data
    image = data.modality.encode(data.modality.read_file(Path("own/000000.png")))
    with torch.no_grad():
        candidates = generator.styles(styled.model.sample_latent(8, 0))[:, 0]
        mean = generator.synthesize(candidates.mean(0).expand(1, generator.levels, -1))
    found = [generator.synthesize(one).detach() for one in projection.project(generator, image, candidates)]
    before, in_w, in_w_plus = (float(projection.psnr(one, image)) for one in (mean, *found))
    assert before < in_w <= in_w_plus + 0.1


def test_projection_keeps_the_nearest_start_of_each_image(styled, monkeypatch):
    """Without a step, the result in W is the candidate that made the image."""
    monkeypatch.setattr(projection, "STEPS", 0)
    monkeypatch.setattr(projection, "STEPS_PLUS", 0)
    generator = styled.model.ema.eval()
    with torch.no_grad():
        styles = generator.styles(styled.model.sample_latent(16, 0))
        images = generator.synthesize(styles[3:6]).clamp(-1, 1)
    in_w, in_w_plus = projection.project(generator, images, styles[:, 0])
    assert torch.equal(in_w, styles[3:6])
    assert torch.equal(in_w_plus, in_w)


def test_psnr():
    images = torch.zeros(2, 1, 4, 4)
    samples = torch.stack([torch.full((1, 4, 4), 0.2), torch.full((1, 4, 4), 5.0)])
    expected = 20 * np.log10(2 / np.array([0.2, 1.0]))
    np.testing.assert_allclose(projection.psnr(samples, images), expected, rtol=1e-6)


@pytest.fixture
def directions(styled):
    """Write a file with two directions, one at the first two levels."""
    with torch.no_grad():
        styles = styled.model.ema.eval().styles(styled.model.sample_latent(1000, 0))[:, 0]
    vectors = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    made = measured(["glasses", "hat.cap"], vectors, styles, [range(7), range(2)])
    path = styled.run_dir / "directions" / "mine.safetensors"
    path.parent.mkdir()
    write_directions(path, made, styled.digest)
    return made


def test_edit_moves_by_exactly_the_strength(run, styled, directions):
    before = styled.model.ema.eval()
    settings = steering.GenerateSettings.model_construct(
        weights=None, truncation=1.0, edit="glasses=+2,hat.cap=-1.5", mix=None, project=None
    )
    steering.steer(settings, styled)
    after, latent = styled.model.ema, styled.model.sample_latent(5, 1)
    with torch.no_grad():
        moved = after.styles(latent) - before.styles(latent)
    glasses, cap = directions.vectors
    units = directions.scales
    expected = torch.stack([2 * units[0] * glasses - (level < 2) * 1.5 * units[1] * cap for level in range(7)])
    torch.testing.assert_close(moved, expected.expand(5, -1, -1))
    torch.testing.assert_close(moved[:, 6] @ glasses / units[0], torch.full((5,), 2.0))
    images = arrays(run, "edit=glasses=+2,hat.cap=-1.5")
    assert np.array_equal(images, to_uint8(styled.model.sample(3)).numpy())
    assert not np.array_equal(images, arrays(run))
    assert len(list(Path("run/generated").glob("*glasses+2hat.cap-1.5*"))) == 1


def test_edited_projection(run, styled, directions):
    assert run("generate", "checkpoint=run", "n=1", "format=files", "output=own").code == 0
    arguments = ["project=own/000000.png", "edit=glasses=3", "truncation=0.5"]
    result = run("generate", "checkpoint=run", *arguments)
    assert result.code == 0, result.err
    with Image.open(result.out.splitlines()[-1]) as sheet:
        assert sheet.size[0] > 5 * 64


def test_directions_file(styled, directions):
    path = styled.run_dir / "directions" / "mine.safetensors"
    found, checkpoint = read_directions(path)
    assert (found.names, found.levels, checkpoint) == (directions.names, directions.levels, styled.digest)
    assert torch.equal(found.vectors, directions.vectors)
    assert torch.equal(found.scales, directions.scales)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match=r"mine\.safetensors: not a file of directions, or a damaged one"):
        read_directions(path)


def test_directions_of_another_checkpoint_are_refused(run, styled, directions):
    path = styled.run_dir / "directions" / "mine.safetensors"
    write_directions(path, Directions(["other"], torch.eye(8)[:1], torch.ones(1), [[0]]), "0" * 64)
    result = run("generate", "checkpoint=run", "edit=other=1")
    assert (result.code, result.err.count("\n")) == (2, 1)
    expected = "edit=other=1: run/directions/mine.safetensors is of another checkpoint of this run: run gan-directions"
    assert expected in result.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["truncation=1.5"], "truncation=1.5: "),
        (["truncation=-0.1"], "truncation=-0.1: "),
        (["mix=7"], "mix=7: must be a level from 0 (coarsest) to 6, or several, such as mix=0-2"),
        (["mix=2-1"], "mix=2-1: must be a level"),
        (["mix=fine"], "mix=fine: must be a level"),
        (["mix=0-2", "n=64"], "n=64: mix=0-2 writes a table of n×n samples: at most n=63"),
        (["mix=0-2", "format=files"], "format=files: mix=0-2 writes a sheet: leave out format"),
        (["mix=0-2", "interpolate=3"], "mix=0-2: writes something else than interpolate=3: leave one out"),
        (["project=nowhere.png"], "project=nowhere.png: no such file"),
        (["project=run"], "project=run: no such file"),
        (["project=small.png"], "project=small.png: is RGB, 8×8: the data are RGB, 32×32, 8 bits a channel"),
        (["project=text.png"], "project=text.png: not a readable image"),
        (["edit=glasses"], "edit=glasses: 'glasses' is no direction with a strength: write edit=glasses=+2,hat=-1"),
        (["edit=glasses=much"], "'glasses=much' is no direction with a strength"),
        (["edit=glasses=inf"], "'glasses=inf' is no direction with a strength"),
        (["edit=glasses=1,glasses=2"], "edit=glasses=1,glasses=2: names glasses twice: leave one out"),
        (
            ["edit=shoes=1"],
            "edit=shoes=1: there is no direction shoes: there are glasses, hat.cap; find more with g",
        ),
    ],
)
def test_bad_input(run, styled, directions, tmp_path, arguments, expected):
    Image.new("RGB", (8, 8)).save("small.png")
    Path("text.png").write_text("text")
    before = set(tmp_path.rglob("*"))
    result = run("generate", "checkpoint=run", *arguments)
    assert (result.code, result.err.count("\n"), expected in result.err) == (2, 1, True), result.err
    assert set(tmp_path.rglob("*")) == before


def test_run_without_directions(run, styled):
    result = run("generate", "checkpoint=run", "edit=glasses=1")
    expected = "edit=glasses=1: the run has no directions yet: find some with gan-directions checkpoint=run/checkpoints"
    assert (result.code, expected in result.err) == (2, True), result.err


@pytest.mark.parametrize("key", ["truncation=0.7", "mix=0-3", "edit=glasses=1", "project=a.png"])
def test_models_without_styles(run, trained_once, key):
    trained_once("generator", *FAST, "max_iterations=2", "hydra.run.dir=run")
    result = run("generate", "checkpoint=run", key)
    expected = f"error: {key}: the model has no styles: train one with model=stylegan or model=style_dcgan\n"
    assert (result.code, result.err) == (2, expected)


@pytest.mark.slow
def test_projection_with_a_condition(run, trained_once):
    trained_once("styled_conditional", *SMALL, "conditional=true", "hydra.run.dir=run")
    assert run("generate", "checkpoint=run", "n=1", "format=files", "output=own").code == 0
    result = run("generate", "checkpoint=run", "project=own/000000.png", "truncation=0.7")
    expected = "error: truncation=0.7: the mean style depends on the condition: add condition=… of the image\n"
    assert (result.code, result.err) == (2, expected)
    assert "own samples, worst" in run("generate", "checkpoint=run", "project=own/000000.png").out


def test_parsers():
    assert parse_edit("glasses=+2, hat.cap=-1.5") == {"glasses": 2.0, "hat.cap": -1.5}
    assert parse_levels("2", 7) == range(2, 3)
    assert parse_levels("0-6", 7) == range(7)


class TestSigned:
    """Truncation is part of the signed record."""

    @pytest.fixture
    def signed(self, run, styled, tmp_path, monkeypatch):
        monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
        identity.create("Jane Doe", "Example")
        result = run("generate", "checkpoint=run", "n=2", "sign=true", "truncation=0.5", "output=signed")
        assert result.code == 0, result.err
        return tmp_path / "signed"

    def test_verifies(self, called, signed):
        code, said = called(verify.main, signed / "000001.png", "--json")
        assert (code, json.loads(said)[0]["record"]["truncation"]) == (0, 0.5)

    def test_is_generated_again(self, called, signed):
        (found,) = json.loads(called(verify.main, signed / "000001.png", "--json")[1])
        record = parse_record(json.dumps(found["record"]))
        verifier = Verifier(b"", checkpoint=load("run"))
        verdict, reason = verifier.regenerates(signed / "000001.png", record)
        assert (verdict, reason) == (Verdict.REGENERATES, "sample 1 of 2 with seed 0, bit for bit")
        assert verifier.regenerates(signed / "000001.png", replace(record, truncation=0.6)) is None

    def test_changed_truncation_is_noticed(self, called, signed):
        path = signed / "000001.png"
        content = path.read_bytes()
        changed = content.replace(b'"truncation":0.5', b'"truncation":0.6')
        assert changed != content
        path.write_bytes(changed)
        code, said = called(verify.main, path)
        assert (code, ": tampered: " in said) == (1, True), said

    def test_record_without_truncation_means_none(self, styled):
        old = (
            f'{{"checkpoint":"{"c" * 64}","config":"{"d" * 64}","weights":"ema","seed":0,"n":1,"index":0,'
            f'"condition":null,"modality":"Images","content":"{"e" * 64}","version":"0.1"}}'
        )
        record = parse_record(old)
        assert record is not None
        assert record.truncation == 1
        assert parse_record(old.replace('"version"', '"truncation":1.5,"version"')) is None

    @pytest.mark.parametrize("key", ["mix=0-2", "project=a.png", "edit=glasses=1"])
    def test_edits_are_not_signed(self, run, signed, key):
        shutil.rmtree(signed)
        result = run("generate", "checkpoint=run", "n=2", "sign=true", key)
        expected = f"error: sign=true: gan-verify cannot generate samples with {key} again: leave it out\n"
        assert (result.code, result.err) == (2, expected)
