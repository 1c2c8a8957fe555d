"""Fixtures: the real studio in a process of its own on a small trained run, and a browser that visits it."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import FAST, ROOT
from tests.processes import ENVIRONMENT, ended, started

ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Server:
    """A studio that runs, and the folder with its runs, gallery, ledger and identity."""

    url: str
    folder: Path
    process: subprocess.Popen = field(repr=False)


@pytest.fixture(scope="session")
def runs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a run of a small conditional model and a copy of it; tests must not change it."""
    folder = tmp_path_factory.mktemp("runs")
    settings = [*FAST, "conditional=true", "max_iterations=120", "sample_every_n_epochs=5", "name=numbers"]
    code, output = ended(started(folder, *settings, "hydra.run.dir=outputs/first"))
    assert code == 0, output
    shutil.copytree(folder / "outputs" / "first", folder / "outputs" / "second")
    return folder / "outputs"


@pytest.fixture(scope="session")
def start_studio(
    runs_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Server]]:
    """Return a function that starts gan-studio with further options on a copy of the runs."""
    running: list[subprocess.Popen] = []

    def start(*options: str, folder: Path | None = None) -> Server:
        folder = folder or tmp_path_factory.mktemp("studio")
        shutil.copytree(runs_folder, folder / "outputs")
        command = [sys.executable, "-m", "gan_lightning.commands.studio", "outputs", "--port", "0", "--no-browser"]
        environment = os.environ | ENVIRONMENT | {"GAN_IDENTITY_DIR": str(folder / "identity")}
        with (folder / "studio.log").open("w") as log:
            process = subprocess.Popen([*command, *options], cwd=folder, env=environment, stdout=log, stderr=log)
        running.append(process)
        deadline = time.monotonic() + 60
        while not (found := re.search(r"studio: (http\S+)", (folder / "studio.log").read_text())):
            assert process.poll() is None, (folder / "studio.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return Server(found[1].rstrip("/"), folder, process)

    yield start
    for process in running:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def studio(start_studio: Callable[..., Server]) -> Server:
    """Studio with an embedded chain, which all tests of a session share."""
    return start_studio()


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """Chromium; tests are skipped where it or playwright is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install playwright")
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("chromium is missing: install it as a package of the system, such as apt install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser) -> Iterator[Callable]:
    """Return a function that opens a page as a new visitor; the test fails if a page reported an error."""
    contexts, errors = [], []

    def open_new(url: str, *, language: str = "en-GB", prepare: Callable = lambda page: None, **options):
        context = browser.new_context(locale=language, viewport={"width": 1280, "height": 800}, **options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        prepare(page)
        page.goto(url)
        return page

    yield open_new
    for context in contexts:
        context.close()
    assert errors == []
