"""Folders of runs without training, and a client of a studio's routes."""

import json
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import httpx
from fastapi import FastAPI
from PIL import Image

from gan_lightning.studio.refusals import Refusal

ROW = "| `coverage` | 0.5 | 0.96 | share of real examples \\| with \\_a\\_ sample nearby |"
CARD = f"""---
license: unknown
tags:
- gan
metrics:
- coverage
- recall
model-index:
- name: small
---

# small

A `GAN` that generates `Images` of shape 1×8×8, trained with GAN Lightning 0.1.0. It takes a condition, `Labels`.

| metric | value | floor | meaning |
|--------|-------|-------|---------|
{ROW}

* SHA-256 of the checkpoint: `{"ab" * 32}`

<!-- Written by GAN Lightning, which overwrites no card that was edited. SHA-256 of the text above: 12 -->
"""


def make_run(folder, status="finished", name="small", started=None, **entries):
    """Write the manifest of a run, and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    when = datetime.fromtimestamp(time.time() if started is None else started, UTC).isoformat()
    manifest = {
        "status": status,
        "duration_seconds": 12.5,
        "modality": {"name": "Images", "media_type": "image/png"},
        "config": {"name": name, "max_iterations": 100, "data": {"_target_": "gan_lightning.data.digits.Digits"}},
        "segments": [{"started": when, "status": status, "duration_seconds": 12.5}],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest | entries))
    return folder


def add_results(folder):
    """Write metrics, a card, an evaluation and two sheets into the folder of a run."""
    metrics = {
        "iteration": 90,
        "epoch": 3.0,
        "evaluation/coverage": 0.5,
        "evaluation/recall": 0.25,
        "loss/generator": 1,
    }
    evaluation = {
        "sha256": "cd" * 32,
        "generators": {"ema": {"coverage": {"mean": 0.4}, "density": {"mean": 0.7}}},
        "floor": {"coverage": 0.9, "density": 1.0},
        "baselines": {"training examples": {"coverage": 0.97}},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "README.md").write_text(CARD)
    (folder / "evaluation" / "last").mkdir(parents=True)
    (folder / "evaluation" / "last" / "metrics.json").write_text(json.dumps(evaluation))
    (folder / "samples").mkdir()
    for iteration in (5, 90):
        Image.new("L", (8, 8)).save(folder / "samples" / f"iteration_{iteration:07d}.png")


def app_of(*routers):
    """Return an application with these routes, in which refusals are answered as by the studio."""
    app = FastAPI()
    for router in routers:
        app.include_router(router)

    @app.exception_handler(Refusal)
    async def answer(request, error):
        return error.response()

    return app


def client_of(*routers):
    """Return a client of an application with these routes."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app_of(*routers)), base_url="http://localhost")


def studio_with(**parts):
    """Return a stand-in for a studio with these parts."""
    return SimpleNamespace(**parts)
