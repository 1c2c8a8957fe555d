"""A server of the studio in a process of its own, with runs that were trained for a moment; browsers that visit it."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from gan_lightning.commands import cli
from tests.conftest import FAST
from tests.studio.serving import Server, Visit
from tests.test_toy_modality import TOY, WAVES

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE = 60_000  # milliseconds that a page has to show something; the worker's start takes most of them
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


@pytest.fixture(scope="module")  # while it lives, playwright runs an event loop, and no other test can
def browser() -> Iterator:
    """Return a browser; tests are skipped where it or playwright is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install playwright")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("chromium is missing: install it with the system's packages, such as apt install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser) -> Iterator[Callable]:
    """Return a function that opens an address as a new visitor; the test fails if a page reports an error."""
    contexts, errors = [], []

    def open_address(url: str, *, language: str = "en-GB", prepare: Callable = lambda page: None, **options: object):
        context = browser.new_context(**{"locale": language, "viewport": {"width": 1280, "height": 800}} | options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        prepare(page)
        page.goto(url)
        return page

    yield open_address
    for context in contexts:
        context.close()
    assert errors == []
