"""A server of the studio in a process of its own, with runs that were trained for a moment."""

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from gan_lightning.commands import cli
from tests.conftest import FAST
from tests.studio.serving import Server, Visit
from tests.test_toy_modality import TOY, WAVES

QUICK = ["max_iterations=2", "callbacks.collapse_alarm=null"]


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory):
    """Return a folder with the runs ``digits``, which is conditional, and ``waves``, of a modality of the user."""
    folder = tmp_path_factory.mktemp("studio") / "runs"
    for name, arguments in {"digits": [*FAST, "conditional=true"], "waves": WAVES}.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path_factory.mktemp(name))
            patch.syspath_prepend(TOY)
            patch.setattr(sys, "argv", ["train.py", *arguments, *QUICK, "hydra.run.dir=run"])
            with suppress(SystemExit):
                cli.train()
            shutil.copytree("run", folder / name)
    return folder


@pytest.fixture(scope="session")
def server(trained_runs, tmp_path_factory):
    """Return a server on this machine, without an identity at first."""
    with Server(trained_runs, tmp_path_factory.mktemp("server")) as one:
        yield one


@pytest.fixture
def visit(server):
    """Return the session of a new visitor."""
    with Visit(server.url) as one:
        yield one


@pytest.fixture(autouse=True)
def no_own_identity(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("GAN_IDENTITY_DIR", str(tmp_path / "identity"))
    assert os.environ["GAN_IDENTITY_DIR"]
