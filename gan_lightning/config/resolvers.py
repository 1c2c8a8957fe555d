"""Registers the resolvers of config files: conditions and shapes, schemas of tables, folders, and the precision."""

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from omegaconf import OmegaConf

from gan_lightning.errors import UserError
from gan_lightning.paths import PACKAGE, cache_dir, data_dir

T = TypeVar("T")


def when(condition: bool, value: T | None) -> T | None:
    """``${when:${conditional},${data.num_classes}}``: return the value if the condition holds, else None."""
    if condition and value is None:
        raise UserError("conditional=true: the data have no classes: data.num_classes=…")
    return value if condition else None


def packed(sample_shape: Sequence[int], size: int) -> list[int]:
    """``${packed:${data.sample_shape},${pack}}``: return the shape of ``size`` samples whose channels are stacked."""
    return [sample_shape[0] * size, *sample_shape[1:]]


def crop_shape(channels: int, crop: int, scale: int) -> list[int]:
    """``${crop_shape:${data.channels},${data.crop},${data.scale}}``: return the shape of crops of high resolution."""
    return [channels, crop * scale, crop * scale]


def length(values: Sequence[Any]) -> int:
    """``${length:${data.blocks}}``: return the number of values in a list."""
    return len(values)


def item(values: Sequence[T], index: int) -> T:
    """``${item:${.sample_shape},0}``: return a value of a list, counted from 0."""
    return values[index]


def count_classes(root: str, follow_links: bool, conditional: bool, origin: str | None = None) -> int | None:
    """``${count_classes:${.root},${.follow_links},${.conditional},${.origin}}``: return how many folders are classes.

    Return None if there are none; if ``conditional``, raise UserError with the reason.
    """
    from gan_lightning.data.image_tree import ImageTree  # importing it takes too long for --help

    tree = ImageTree(Path(str(root)).expanduser(), follow_links, origin)
    if conditional:
        tree.check_classes("conditional=true")
    if not tree.root.is_dir() or tree.loose or tree.splits:  # reading the data raises the error
        return None
    return len(tree.classes) or None


def packaged_schema(name: str) -> dict[str, Any]:
    """``${packaged_schema:adult}``: return the schema of a table in the package."""
    from gan_lightning.data.table_schema import load_schema

    return load_schema(PACKAGE / "data" / "schemas" / f"{name}.yaml")


def table_schema(
    csv: str, schema: str | None, target: str | None, delimiter: str = ",", drop: Sequence[str] = ()
) -> dict[str, Any]:
    """``${table_schema:${.csv},${.schema},${.target},${.delimiter},${.drop}}``: return the schema of a user's table.

    It is read from the file ``schema``, or inferred from the table if that is null.
    """
    from gan_lightning.data.table_schema import infer_schema, load_schema

    if schema is not None:
        return load_schema(Path(schema).expanduser())
    return infer_schema(Path(csv).expanduser(), delimiter, target, list(drop))


def table_constraints(schema: str | None) -> list[str]:
    """``${table_constraints:${.schema}}``: return the constraints in a schema file; none if ``schema`` is null."""
    from gan_lightning.data.table_schema import load_constraints

    return [] if schema is None else load_constraints(Path(schema).expanduser())


def table_blocks(columns: Mapping[str, Any]) -> list[int]:
    """``${table_blocks:${.columns}}``: return the number of slots of each column of a schema."""
    from gan_lightning.modalities.columns import read_schema

    return [column.size for column in read_schema(columns, "data.columns")]


def table_latent(blocks: Sequence[int], noise_dim: int) -> int:
    """``${table_latent:${data.blocks},64}``: return the size of a latent of networks.table_gan.Generator."""
    from gan_lightning.networks.table_gan import latent_parts

    return sum(latent_parts(blocks, noise_dim))


def drafts_latent(sample_shape: Sequence[int], blocks: Sequence[int], drafts: int) -> int:
    """``${drafts_latent:${data.sample_shape},${data.blocks},8}``: return the size of a latent of networks.drafts."""
    return drafts * sample_shape[0] * len(blocks) + 1


def one_shot_latent(sample_shape: Sequence[int], noise_dim: int) -> int:
    """``${one_shot_latent:${data.sample_shape},64}``: return the size of a latent of networks.sequence_gan."""
    return noise_dim + sample_shape[0] * sample_shape[1]


def refiner_latent(sample_shape: Sequence[int], noise_dim: int) -> int:
    """``${refiner_latent:${data.sample_shape},64}``: return the size of a latent of networks.sequence_refiner."""
    from gan_lightning.networks.sequence_refiner import latent_parts

    return sum(latent_parts(sample_shape, noise_dim))


def table_width(columns: Mapping[str, Any]) -> int:
    """``${table_width:${.columns}}``: return the number of slots of all columns of a schema."""
    return sum(table_blocks(columns))


def table_classes(columns: Mapping[str, Any], target: str | None) -> int | None:
    """``${table_classes:${.columns},${.target}}``: return the number of values of the target; None without a target."""
    return None if target is None or target not in columns else len(columns[target].get("values", [])) or None


def target_block(columns: Mapping[str, Any], target: str | None) -> int | None:
    """``${target_block:${.columns},${.target}}``: return the index of the target's column; None without a target."""
    return None if target is None or target not in columns else list(columns).index(target)


def text_shape(
    file: str, unit: Literal["words", "characters"], lower: bool, max_length: int, min_count: int, max_vocabulary: int
) -> list[int]:
    """``${text_shape:${.file},${.unit},…}``: return the largest length of the lines of a file, and the vocabulary.

    The arguments are those of data.text_file.find_shape.
    """
    from gan_lightning.data.text_file import find_shape

    return list(find_shape(Path(str(file)).expanduser(), unit, lower, max_length, min_count, max_vocabulary))


def music_blocks(voices: int, lowest: int, highest: int) -> list[int]:
    """``${music_blocks:${.voices},${.lowest},${.highest}}``: return the number of values of each voice of music."""
    from gan_lightning.modalities.music_codes import FIRST_PITCH

    return [highest - lowest + 1 + FIRST_PITCH] * voices


def music_shape(bars: int, metre: int, steps_per_quarter: int, blocks: Sequence[int]) -> list[int]:
    """``${music_shape:${.bars},${.metre},${.steps_per_quarter},${.blocks}}``: return [steps, values of all blocks]."""
    return [bars * metre * steps_per_quarter, sum(blocks)]


def stage_channels(
    shape: Sequence[int], width: int, downsamplings: int, blocks: int, stages: Sequence[int]
) -> list[int]:
    """``${stage_channels:${.condition_shape},${.width},${.downsamplings},${.blocks},[0,1,2]}``: return the channels.

    They are those of stages of networks.translator.Generator, whose other keys the first four arguments are.
    """
    from gan_lightning.networks import translator

    try:
        return translator.stage_channels(shape, width, downsamplings, blocks, stages)
    except ValueError as error:
        raise UserError(f"terms.patch_nce.stages={list(stages)}: {error}") from error


def mixed_precision_if_faster(accelerator: str) -> str:
    """``${mixed_precision_if_faster:${trainer.accelerator}}``: return bf16-mixed if the hardware has bfloat16."""
    import torch  # importing it takes too long for --help

    if accelerator != "cpu" and torch.cuda.is_available():
        faster = torch.cuda.is_bf16_supported(including_emulation=False)
    elif accelerator != "cpu" and torch.backends.mps.is_available():
        faster = False
    else:
        capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # not in every torch
        faster = capabilities.get("amx_bf16") or capabilities.get("avx512_bf16")
    return "bf16-mixed" if faster else "32-true"


def as_node(resolver: Callable[..., Any]) -> Callable[..., Any]:
    """Return a resolver whose lists and mappings are nodes: without them, Hydra's ``--resolve`` fails."""

    @functools.wraps(resolver)
    def resolve(*arguments: Any) -> Any:
        value = resolver(*arguments)
        return OmegaConf.create(value) if isinstance(value, list | dict) else value

    return resolve


shapes = (packed, crop_shape, stage_channels, length, item, music_blocks, music_shape)
latents = (table_latent, drafts_latent, one_shot_latent, refiner_latent)
of_tables = (table_blocks, table_width, table_classes, target_block)
for resolver in (when, *shapes, *latents, *of_tables, mixed_precision_if_faster):
    OmegaConf.register_new_resolver(resolver.__name__, as_node(resolver), replace=True)
# Cached for each config: they read files, and every use must get the same value.
for reader in (count_classes, packaged_schema, table_schema, table_constraints, text_shape):
    OmegaConf.register_new_resolver(reader.__name__, as_node(reader), replace=True, use_cache=True)
OmegaConf.register_new_resolver("data_dir", data_dir, replace=True)
OmegaConf.register_new_resolver("cache_dir", lambda: str(cache_dir()), replace=True)
