"""Random input gives a result or an error of one line, never a traceback or incomplete files."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from gan_lightning.config.names import flatten
from gan_lightning.data.mnist import read_idx
from gan_lightning.errors import UserError
from gan_lightning.runs.checkpoints import load
from tests.conftest import FAST, write_idx

# Examples are the same each time. They share fixtures, which they do not change.
FUZZ = {"derandomize": True, "deadline": None, "suppress_health_check": list(HealthCheck)}

TEXT = st.text(st.sampled_from("abcxyz019.,:=-_+~@/[]{}()$'\"\\ %#!?*é\t"), max_size=12)
NUMBERS = st.one_of(
    st.integers(-3, 300),
    st.integers(-200, 200).map(lambda i: i / 100),
    st.sampled_from(["nan", "inf", "-inf", "1e400", "0x10"]),
)
SPECIAL = st.sampled_from(["null", "true", "[]", "{}", "???", ""])
VALUES = st.one_of(TEXT, NUMBERS.map(str), st.lists(NUMBERS, max_size=3).map(str), SPECIAL)
# Random values of these keys could write anywhere or train for long.
NOT_FUZZED = {"name", "run_dir", "max_iterations", "trainer", "resume", "reproduce", "cache_dir", "save_dir", "n"}


@pytest.fixture
def keys(run) -> list[str]:
    run("train", *FAST, "max_iterations=1", "hydra.run.dir=first")
    config = json.loads(Path("first", "manifest.json").read_text())["config"]
    paths = [key.split("/") for key, _ in flatten(config)]
    return [".".join(path) for path in paths if path[0] not in NOT_FUZZED and path[-1] not in NOT_FUZZED]


@pytest.mark.slow
def test_overrides(run, keys, tmp_path):
    @settings(max_examples=75, **FUZZ)
    @given(st.sampled_from(["", "", "", "+", "++", "~"]), st.sampled_from(keys), VALUES)
    def fuzz(prefix, key, value):
        override = f"{prefix}{key}={value}" if prefix != "~" else f"~{key}"
        result = run("train", *FAST, override, "max_iterations=1")
        assert result.code in (0, 2), (override, result.err)
        assert "Traceback" not in result.err, override
        assert result.err.count("error: ") == (result.code == 2), (override, result.err)
        written = list(tmp_path.glob("outputs/*/*"))
        assert len(written) == (result.code == 0), (override, written)
        shutil.rmtree(tmp_path / "outputs", ignore_errors=True)

    fuzz()


@pytest.mark.slow
def test_command_lines(run, tmp_path):
    @settings(max_examples=60, **FUZZ)
    @given(TEXT)
    def fuzz(argument):
        result = run("train", *FAST, "max_iterations=1", argument)
        assert result.code in (0, 2), (argument, result.err)
        assert "Traceback" not in result.err, argument
        shutil.rmtree(tmp_path / "outputs", ignore_errors=True)

    fuzz()


@st.composite
def damages(draw, content: bytes) -> bytes:
    """Return the content with some bytes changed, removed, inserted or truncated."""
    damaged = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(damaged) - 1, 0)))
        kind = draw(st.sampled_from(["change", "remove", "insert", "truncate"]))
        if kind == "change":
            damaged[at : at + 8] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "remove":
            del damaged[at : at + draw(st.integers(1, 1000))]
        elif kind == "insert":
            damaged[at:at] = draw(st.binary(min_size=1, max_size=64))
        elif draw(st.booleans()):
            del damaged[at:]
    return bytes(damaged)


@pytest.mark.slow
def test_checkpoint_bytes(run, tmp_path):
    run("train", *FAST, "max_iterations=2", "hydra.run.dir=run")
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    content = path.read_bytes()
    weights = load(str(path)).model.state_dict()
    damaged = tmp_path / "damaged.ckpt"

    @settings(max_examples=300, **FUZZ)
    @given(damages(content))
    def fuzz(changed):
        damaged.write_bytes(changed)
        try:
            loaded = load(str(damaged)).model.state_dict()
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:  # the damaged bytes had no meaning
            assert all(torch.equal(loaded[name], weights[name]) for name in weights)

    fuzz()


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), TEXT)
PLAIN = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2), max_leaves=3)


@pytest.mark.slow
def test_checkpoint_configs(run, tmp_path):
    """Load intact checkpoints with one random change in their config."""
    run("train", *FAST, "max_iterations=2", "hydra.run.dir=run")
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    content = torch.load(path, weights_only=True)
    keys = [key.split("/") for key, _ in flatten(content["config"]) if key.split("/")[0] in ("model", "data")]

    @settings(max_examples=100, **FUZZ)
    @given(st.sampled_from([["model"], ["data"], *keys]), st.booleans(), PLAIN)
    def fuzz(place, drop, value):
        config = OmegaConf.to_container(OmegaConf.create(content["config"]))
        node = config
        for key in place[:-1]:
            node = node[key]
        if isinstance(node, dict) and drop:
            del node[place[-1]]
        elif isinstance(node, dict):
            node[place[-1]] = value
        torch.save(content | {"config": config}, tmp_path / "other.ckpt")
        try:
            load(str(tmp_path / "other.ckpt"))
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017

    fuzz()


def test_idx_bytes(tmp_path):
    path = tmp_path / "images"
    write_idx(path, torch.arange(24).view(2, 3, 4).numpy())
    content = path.read_bytes()

    @settings(max_examples=300, **FUZZ)
    @given(damages(content))
    def fuzz(changed):
        path.write_bytes(changed)
        try:
            assert read_idx(path, 3).dtype == torch.uint8
        except UserError as error:
            assert "\n" not in str(error)  # noqa: PT017

    fuzz()
