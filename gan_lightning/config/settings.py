"""The keys at the top of each command's config, with their types and ranges."""

import inspect
import typing
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, Field, FiniteFloat, PositiveFloat, PositiveInt

from gan_lightning.marks import Location, WithoutEffect

Node = dict[str, Any]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
SampleSeed = Annotated[int, Field(ge=0, lt=2**63)]


def _float(value: Any) -> Any:
    if isinstance(value, int) and value == 0:
        raise ValueError("must be written 0.0: torch wants two floats")
    return value


Beta = Annotated[float, BeforeValidator(_float), Field(ge=0, lt=1)]
Rate = Annotated[FiniteFloat, Field(ge=0)]


class Settings(BaseModel):
    """Settings of a command, or a part of them."""

    @classmethod
    def of(cls, values: Node) -> Self:
        """Return settings that hold ``values`` as they are; :func:`~gan_lightning.config.validation.validate` has
        checked them."""
        parts = {name: part.of(values[name]) for name, part in cls.parts().items()}
        return cls.model_construct(**values | parts)

    @classmethod
    def parts(cls) -> "dict[str, type[Settings]]":
        """Return the classes of those keys that hold settings themselves."""
        hints = typing.get_type_hints(cls)
        return {name: hint for name, hint in hints.items() if inspect.isclass(hint) and issubclass(hint, Settings)}

    def plain(self) -> Node:
        """Return plain values, as ``of`` took them."""
        return {name: value.plain() if isinstance(value, Settings) else value for name, value in self}


class CheckpointSettings(Settings):
    every_n_epochs: PositiveInt
    after_epochs: list[PositiveInt]
    every_n_minutes: PositiveFloat
    every_n_iterations: PositiveInt | None


class TrainSettings(Settings):
    """The top-level keys of ``conf/train.yaml``."""

    name: str
    seed: Seed
    max_iterations: PositiveInt | None
    max_cpu_minutes: PositiveFloat | None
    conditional: bool
    ema_decay: Beta | None
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
    trust: WithoutEffect[list[str]]
    debug: WithoutEffect[bool]
    run_dir: Location[str]
    data: Node
    model: Node
    objective: Node
    regularizer: Node
    trainer: Node
    callbacks: dict[str, Node | None]
    logger: WithoutEffect[dict[str, Node | None]]


class GenerateSettings(Settings):
    """The keys of ``conf/generate.yaml``."""

    checkpoint: Location[str]
    n: PositiveInt
    seed: SampleSeed
    condition: str | None
    weights: Literal["ema", "raw"] | None
    format: Literal["sheet", "files", "arrays"] | None
    sign: bool
    ledger: Location[str | None]
    interpolate: PositiveInt | None
    trust: list[str]
    output: Location[str | None]
    debug: bool


class EvaluateSettings(Settings):
    """The keys of ``conf/evaluate.yaml``."""

    checkpoint: Location[str | list[str] | None]
    samples: Location[str | None]
    n: PositiveInt | None
    seeds: Annotated[list[SampleSeed], Field(min_length=1)]
    seed: SampleSeed
    features: Node | None
    data: Node | None
    trust: list[str]
    output: Location[str | None]
    debug: bool


class SearchSpace(Settings):
    """The keys of a file in ``conf/search/``."""

    overrides: list[str]
    space: Annotated[dict[str, Node], Field(min_length=1)]


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


class ExtractorSettings(Settings):
    """The keys of ``conf/train_extractor.yaml``."""

    data: Node
    epochs: PositiveInt
    seed: Seed
    name: str | None
    output: Location[str | None]
    debug: bool
