"""Kinds of requests to models, and the task of the worker process that each becomes."""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gan_lightning.errors import UserError
from gan_lightning.provenance import identity
from gan_lightning.studio.generation import (
    Latents,
    Recipe,
    describe_model,
    keep_sample,
    make_samples,
    make_walk,
)
from gan_lightning.studio.jobs import Kind, Task
from gan_lightning.studio.refusals import Refusal
from gan_lightning.studio.stores import StoredSample, safe_name
from gan_lightning.studio.studio import Studio
from gan_lightning.studio.visitors import Visitor

MAX_N, MAX_STEPS = 64, 120
FRAMES_PER_SECOND = 20

RunId = Annotated[str, Field(min_length=1, max_length=500)]
Seed = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,18})$")]
N = Annotated[int, Field(ge=1, le=MAX_N, strict=True)]


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DescribeRequest(Request):
    run: RunId


class RecipeRequest(Request):
    """Keys that all samples and walks have."""

    run: RunId
    condition: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    upload: Annotated[str, Field(max_length=100)] | None = None
    truncation: Annotated[float, Field(ge=0, le=1)] = 1.0
    edit: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    weights: Literal["ema", "raw"] | None = None


class SamplesRequest(RecipeRequest):
    seed: Seed | None = None
    n: N = 16


class End(Request):
    """One end of a walk: a sample of a seed."""

    seed: Seed
    n: N
    index: Annotated[int, Field(ge=0, lt=MAX_N, strict=True)]


class WalkRequest(RecipeRequest):
    start: Annotated[End, Field(alias="from")]
    end: Annotated[End, Field(alias="to")]
    steps: Annotated[int, Field(ge=2, le=MAX_STEPS, strict=True)] = 60


class KeepRequest(Request):
    sample: Annotated[str, Field(max_length=100)]
    title: Annotated[str, Field(min_length=1, max_length=100)]


def kinds(studio: Studio) -> dict[str, Kind]:
    """Return the kinds of jobs of the create screen."""

    def describe(visitor: Visitor, request: DescribeRequest) -> Task:
        return Task(describe_model, {"checkpoint": studio.library.find(request.run).path})

    def samples(visitor: Visitor, request: SamplesRequest) -> Task:
        seed = secrets.randbelow(2**63) if request.seed is None else _parse_seed(request.seed, "seed")
        recipe, folder = _recipe(studio, visitor, request), studio.samples.new_folder()

        def finish(made: dict[str, Any]) -> dict[str, Any]:
            asked = request.model_dump(include={"run", "n", "truncation", "edit"})
            done = {key: made[key] for key in ("checkpoint", "condition", "weights")} | asked | {"seed": str(seed)}
            return {"recipe": done, "samples": _describe(studio.samples.add(visitor, folder, made["files"], done))}

        arguments = {"recipe": recipe, "latents": Latents(seed, request.n), "folder": folder}
        return Task(make_samples, arguments, finish, _remover(folder))

    def walk(visitor: Visitor, request: WalkRequest) -> Task:
        start, end = _latents(request.start, "from"), _latents(request.end, "to")
        recipe, folder = _recipe(studio, visitor, request), studio.samples.new_folder()

        def finish(made: list[dict[str, Any]]) -> dict[str, Any]:
            frames = studio.samples.add(visitor, folder, made, None)
            return {"frames": [one["preview"] for one in _describe(frames)], "fps": FRAMES_PER_SECOND}

        arguments = {
            "recipe": recipe,
            "start": start,
            "end": end,
            "indices": (request.start.index, request.end.index),
            "steps": request.steps,
            "folder": folder,
        }
        return Task(make_walk, arguments, finish, _remover(folder))

    def keep(visitor: Visitor, request: KeepRequest) -> Task:
        title = request.title.strip()
        if not title or not title.isprintable():
            raise Refusal(422, "invalid", "title: must be printable characters", {"field": "title"})
        sample = studio.samples.find(visitor, request.sample)
        recipe = _check_keepable(sample)
        run = studio.library.find(recipe["run"])
        folder = studio.new_kept_folder()
        file = folder / f"{safe_name(title)[:60].rstrip('.')}{''.join(sample.file.suffixes[-1:])}"
        shutil.copyfile(sample.file, file)
        preview = file
        if sample.preview != sample.file:
            preview = folder / "preview.png"
            shutil.copyfile(sample.preview, preview)

        def finish(made: dict[str, Any]) -> dict[str, Any]:
            words = {key: recipe[key] for key in ("checkpoint", "seed", "n", "condition", "truncation", "edit")}
            details = {
                "title": title,
                "run": run.id,
                "run_name": run.name,
                "media_type": sample.media_type,
                "file": file.name,
                "preview": preview.name,
                "artifact": made["artifact"],
                "words": words | {"index": sample.index, "signer": made["signer"], "model_name": made["model_name"]},
                "ledger": {"line": made["line"] + 1},  # lines count from 1
            }
            return {"item": studio.gallery.add(folder, details)}

        arguments = {
            "checkpoint": run.path,
            "recipe": recipe,
            "index": sample.index,
            "file": file,
            "ledger": studio.settings.ledger,
        }
        return Task(keep_sample, arguments, finish, _remover(folder))

    return {
        "describe": Kind(DescribeRequest, describe),
        "samples": Kind(SamplesRequest, samples),
        "walk": Kind(WalkRequest, walk),
        "keep": Kind(KeepRequest, keep),
    }


def _check_keepable(sample: StoredSample) -> dict[str, Any]:
    """Return the recipe of a sample that can be signed; raise Refusal for another."""
    if sample.recipe is None:
        message = "an image on a walk is no sample of a seed, so nobody could generate it again to verify it"
        raise Refusal(409, "walk_not_kept", message)
    if sample.recipe["edit"] is not None:
        message = "an edited sample cannot be generated again to verify it, so it is not signed: download it instead"
        raise Refusal(409, "edit_not_kept", message)
    try:
        identity.load()
    except UserError as error:
        raise Refusal(409, "no_identity", f"there is no identity to sign with: {error}") from error
    return sample.recipe


def _recipe(studio: Studio, visitor: Visitor, request: RecipeRequest) -> Recipe:
    if request.upload is not None and request.condition is not None:
        raise Refusal(422, "invalid", "condition: leave it out if a file is given", {"field": "condition"})
    upload = None if request.upload is None else studio.uploads.find(visitor, request.upload).path
    path: Path = studio.library.find(request.run).path
    return Recipe(path, request.condition, upload, request.truncation, request.edit, request.weights)


def _latents(end: End, field: str) -> Latents:
    if end.index >= end.n:
        raise Refusal(422, "invalid", f"{field}.index: must be less than n", {"field": f"{field}.index"})
    return Latents(_parse_seed(end.seed, f"{field}.seed"), end.n)


def _parse_seed(text: str, field: str) -> int:
    if (seed := int(text)) >= 2**63:
        raise Refusal(422, "invalid", f"{field}: must be less than 2^63", {"field": field})
    return seed


def _describe(samples: list[StoredSample]) -> list[dict[str, Any]]:
    """Return samples as the API writes them."""
    return [
        {
            "id": one.id,
            "index": one.index,
            "preview": f"/api/samples/{one.id}/preview",
            "file": f"/api/samples/{one.id}/file",
            "media_type": one.media_type,
            "name": one.file.name,
        }
        for one in samples
    ]


def _remover(folder: Path) -> Callable[[], None]:
    return lambda: shutil.rmtree(folder, ignore_errors=True)
