"""Schemas of the commands' configs: the keys at the top of each, with their types and ranges."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

from gan_lightning.marks import Location, WithoutEffect

# What Lightning's Trainer offers but cannot do when two optimizers take turns.
NOT_FOR_TWO_OPTIMIZERS = {
    "max_steps": "counts the steps of both optimizers: use max_iterations",
    "min_steps": "counts the steps of both optimizers: leave it out",
    "min_epochs": "would continue past max_iterations and Ctrl-C: leave it out",
    "gradient_clip_val": "clips for one optimizer only: leave it out",
    "accumulate_grad_batches": "accumulates for one optimizer only: use a larger data.batch_size",
    "overfit_batches": "replaces the order of the data: use +trainer.limit_train_batches",
}
NOT_A_NODE = "must be a node with a _target_"


def is_node(value: Any) -> bool:
    """Return True if a value of a config describes an object to build."""
    return isinstance(value, dict) and "_target_" in value


def _check_node(value: Any) -> Any:
    if not is_node(value):
        raise ValueError(NOT_A_NODE)
    return value


Config = dict[str, Any]
"""Plain values of a config, or of a part of it, by key."""

Node = Annotated[Config, BeforeValidator(_check_node)]
"""The part of a config that describes an object: a class or function in ``_target_``, and the arguments to call it."""

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Share = Annotated[float, Field(ge=0, le=1)]
TermWeight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
SampleSeed = Annotated[int, Field(ge=0, lt=2**63)]


class Settings(BaseModel):
    """Settings of a command, or a part of them."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class CheckpointSettings(Settings):
    every_n_epochs: PositiveInt
    after_epochs: list[PositiveInt]
    every_n_minutes: PositiveFloat
    every_n_iterations: PositiveInt | None


class TrainSettings(Settings):
    """The keys at the top of ``conf/train.yaml``."""

    name: str
    seed: Seed
    max_iterations: PositiveInt | None
    max_cpu_minutes: PositiveFloat | None
    conditional: bool
    ema_decay: Annotated[float, Field(ge=0, lt=1)] | None
    matmul_precision: Literal["highest", "high", "medium"]
    deterministic: bool
    pack: PositiveInt
    wrappers: dict[str, Node | None]
    terms: dict[str, Node | None]
    sample_every_n_epochs: PositiveInt
    evaluate_every_n_epochs: PositiveInt
    checkpoint: CheckpointSettings
    on_divergence: Literal["stop", "rollback"]
    resume: Location[str | None]
    allow_changed_data: WithoutEffect[bool]
    reproduce: Location[str | None]
    provenance: WithoutEffect[bool]
    trust_code: WithoutEffect[list[str]]
    debug: WithoutEffect[bool]
    run_dir: Location[str]
    data: Node
    model: Node
    objective: Node
    regularizer: Node
    privacy: Node | None
    trainer: Node
    callbacks: dict[str, Node | None]
    logger: WithoutEffect[dict[str, Node | None]]

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        for key, reason in NOT_FOR_TWO_OPTIMIZERS.items():
            if self.trainer.get(key) is not None:
                raise ValueError(f"trainer.{key}={self.trainer[key]}: {reason}")
        if "terms" not in self.model and (given := [name for name, node in self.terms.items() if node]):
            remedy = " ".join(f"~terms.{name}" for name in given)
            raise ValueError(f"term=[{','.join(given)}]: the model takes no terms of the generator's loss: {remedy}")
        batch_size = self.data.get("batch_size")
        if isinstance(batch_size, int) and batch_size % self.pack:
            raise ValueError(f"pack={self.pack}: does not divide data.batch_size={batch_size}")
        if self.pack > 1 and self.conditional:
            raise ValueError(
                f"pack={self.pack}: the samples of a pack have no label in common: conditional=false, or pack=1"
            )
        return self


class PhotoSettings(Settings):
    """The keys of ``conf/generate.yaml`` on which the image depends that a model makes of another one."""

    input: Location[str | None]
    weights: Literal["ema", "raw", "pretrained"] | None
    ensemble: bool
    blend: Share | None
    reverse: bool

    def choices(self) -> dict[str, Any]:
        """Return the settings without ``input``."""
        return {key: getattr(self, key) for key in PhotoSettings.model_fields if key != "input"}


class GenerateSettings(PhotoSettings):
    """The keys of ``conf/generate.yaml``."""

    checkpoint: Location[str]
    n: PositiveInt
    seed: SampleSeed
    condition: str | None
    format: str | None
    sign: bool
    ledger: Location[str | None]
    interpolate: PositiveInt | None
    truncation: Share
    temperature: PositiveFloat
    nucleus: Annotated[float, Field(gt=0, le=1)]
    mix: str | None
    edit: str | None
    project: Location[str | None]
    trust_code: list[str]
    output: Location[str | None]
    debug: bool


class EvaluateSettings(Settings):
    """The keys of ``conf/evaluate.yaml``."""

    checkpoint: Location[str | list[str] | None]
    samples: Location[str | None]
    n: PositiveInt | None
    seeds: Annotated[list[SampleSeed], Field(min_length=1)]
    seed: SampleSeed
    features: Config | None
    data: Config | None
    sign: bool
    trust_code: list[str]
    output: Location[str | None]
    debug: bool


class SearchSpace(Settings):
    """The keys of a file in ``conf/search/``."""

    overrides: list[str]
    space: Annotated[dict[str, Config], Field(min_length=1)]


class SearchSettings(Settings):
    """The keys of ``conf/search.yaml``."""

    search: SearchSpace
    name: str
    folder: Location[str]
    trials: PositiveInt
    seeds: Annotated[list[Seed], Field(min_length=1)]
    metric: str
    storage: str | None
    heartbeat_seconds: PositiveInt
    sampler_seed: Seed | None
    debug: bool


class TrainExtractorSettings(Settings):
    """The keys of ``conf/train_extractor.yaml``."""

    data: Node
    epochs: PositiveInt
    seed: Seed
    name: str | None
    output: Location[str | None]
    debug: bool


class ExportSettings(Settings):
    """The keys of ``conf/export.yaml``."""

    checkpoint: Location[str]
    format: Literal["onnx", "safetensors"]
    weights: Literal["ema", "raw"] | None
    trust_code: list[str]
    output: Location[str | None]
    debug: bool


class DirectionsSettings(Settings):
    """The keys of ``conf/directions.yaml``."""

    checkpoint: Location[str]
    method: Literal["sefa", "ganspace", "supervised"]
    n: Annotated[int, Field(ge=2)]
    count: PositiveInt
    seed: SampleSeed
    trust_code: list[str]
    debug: bool


class StylizeSettings(Settings):
    """The keys of ``conf/stylize.yaml``."""

    content: Location[str]
    style: Location[str]
    size: Annotated[int, Field(ge=32)] | None
    style_weight: TermWeight
    content_weight: TermWeight
    tv_weight: TermWeight
    steps: PositiveInt
    keep_colors: bool
    sign: bool
    ledger: Location[str | None]
    output: Location[str | None]
    debug: bool
