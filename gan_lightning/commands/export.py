"""Exports the generator of a trained run, to be used without this project or without its checkpoint."""

import inspect
import io
import json
import logging
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from gan_lightning import __version__
from gan_lightning.algorithms.model import Weights, evaluating
from gan_lightning.commands.output import check_file_name, complete_output
from gan_lightning.config.settings import ExportSettings
from gan_lightning.errors import UserError, missing_extra
from gan_lightning.modalities.samples import Sample, size
from gan_lightning.runs.checkpoints import Trained, load
from gan_lightning.runs.drawing import check_weights

EXAMPLES = 2  # samples in the batch that is traced; torch.export would treat a batch of 1 as constant
MAX_REASON = 240  # characters of an exporter's message


def export(settings: ExportSettings) -> Path:
    """Write the file that ``conf/export.yaml`` describes, and return its path."""
    if settings.format == "onnx":
        _check_extra()
    trained = load(settings.checkpoint, settings.trust_code)
    check_weights(trained.model, settings.weights)
    weights = settings.weights or trained.model.weights[0]
    path = _output_path(settings, trained)
    generator = trained.model.ema if weights == "ema" else trained.model.generator
    assert generator is not None
    serialize = _to_onnx if settings.format == "onnx" else _to_safetensors
    facts = describe(trained, weights)
    try:
        content = serialize(generator, trained, facts)
    except Exception as error:  # a network may contain anything, and exporters raise anything
        raise UserError(_explain(settings, generator, error)) from error
    with complete_output(path) as unfinished:
        unfinished.write_bytes(content)
    return path


def _check_extra() -> None:
    try:
        import onnxscript  # noqa: F401  which torch.onnx imports
    except ImportError as error:
        raise missing_extra("format=onnx", "export") from error


def _output_path(settings: ExportSettings, trained: Trained) -> Path:
    """Return ``output``, or a path in the run's folder; raise UserError if it exists or has another suffix."""
    suffix = f".{settings.format}"
    if settings.output is None:
        name = f"{trained.path.stem}_{settings.weights}" if settings.weights else trained.path.stem
        path = trained.run_dir / "exported" / f"{name}{suffix}"
    else:
        path = Path(settings.output)
        check_file_name(path, suffix)
    if path.exists():
        raise UserError(f"output={path}: exists already: remove it, or choose another name")
    return path


def describe(trained: Trained, weights: Weights) -> dict[str, str]:
    """Return the metadata of an exported file: what a user of the generator must know. All values are strings.

    ``config``, ``modality``, ``prior``, ``condition`` and ``iteration`` are JSON.

    Args:
        trained: the run that the generator is from.
        weights: the weights that are exported.
    """
    model, data = trained.model, trained.data
    facts: dict[str, Any] = {
        "version": f"gan-lightning {__version__}",
        "checkpoint_sha256": trained.digest,
        "iteration": model.iteration,
        "weights": weights,
        "modality": _summary(data.modality) | {"sample_shape": data.modality.sample_shape},
        "prior": None if model.prior is None else _summary(model.prior) | {"shape": model.prior.shape},
        "condition": None,
        "data_source": data.source,
        "data_licence": data.licence,
        "config": trained.config,
    }
    if data.condition is not None:
        facts["condition"] = _summary(data.condition) | {"sample_shape": data.condition.sample_shape}
        values = data.condition.values()
        if values is not None:
            facts["condition"] |= {"num_classes": size(values), "class_names": data.condition.state().get("names")}
    return {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in facts.items() if value is not None
    }


def _summary(part: object) -> dict[str, str]:
    """Return an object's class and the first line of its docstring, which for a modality says the range of samples."""
    described = (inspect.getdoc(type(part)) or "").partition("\n")[0]
    return {"class": f"{type(part).__module__}.{type(part).__qualname__}", "description": described}


def _to_safetensors(generator: nn.Module, trained: Trained, facts: Mapping[str, str]) -> bytes:
    """Return a safetensors file with the generator's state."""
    # The format has no strides and no shared memory: each name gets a tensor of its own.
    tensors = {
        name: tensor.clone(memory_format=torch.contiguous_format) for name, tensor in generator.state_dict().items()
    }
    return save(tensors, dict(facts))


@torch.no_grad()
def _to_onnx(generator: nn.Module, trained: Trained, facts: Mapping[str, str]) -> bytes:
    """Return an ONNX file of the generator in evaluation mode, for batches of any size.

    The inputs are ``latent`` and ``condition``, where the model has them; the output is ``sample``. A joint condition
    has an input for each part, ``condition_PART``, and a joint sample an output for each part, ``PART``.
    """
    # The TorchScript exporter is deprecated, and it silently turns a batch size that the network reads into a constant.
    # torch.onnx.export does the same when it is given the network itself; torch.export raises an error instead.
    inputs = (trained.model.sample_latent(EXAMPLES, seed=0), trained.data.sample_conditions(EXAMPLES, seed=0))
    with evaluating(generator), _quiet():
        sample = generator(*inputs)
        program = torch.onnx.export(
            torch.export.export(generator, inputs, dynamic_shapes=tuple(map(_batch_axes, inputs)), strict=False),
            input_names=[*_input_names("latent", inputs[0]), *_input_names("condition", inputs[1])],
            output_names=list(sample) if isinstance(sample, dict) else ["sample"],
            dynamo=True,
            external_data=False,
            verbose=False,
        )
        assert program is not None
    model = program.model_proto
    graph = model.graph
    # The exporter's notes contain paths of this machine; a runtime infers the shapes inside the network.
    for part in (graph, *graph.node, *graph.input, *graph.output):
        del part.metadata_props[:]
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for key, text in facts.items():
        model.metadata_props.add(key=key, value=text)
    return model.SerializeToString()


def _batch_axes(value: Sample | None) -> Any:
    """Return the axes of an input that vary in size, in the structure that ``torch.export`` expects."""
    axes = {0: torch.export.Dim("batch")}
    if isinstance(value, dict):
        return dict.fromkeys(value, axes)
    return None if value is None else axes


def _input_names(name: str, value: Sample | None) -> list[str]:
    if isinstance(value, dict):
        return [f"{name}_{part}" for part in value]
    return [] if value is None else [name]


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress what the exporter writes to stderr besides the errors that it raises."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def _explain(settings: ExportSettings, generator: nn.Module, error: BaseException) -> str:
    """Return one line with the root cause of an exporter's error, whose own message is a page long."""
    while error.__cause__ is not None:
        error = error.__cause__
    reason = textwrap.shorten(str(error) or type(error).__name__, MAX_REASON, placeholder=" …")
    remedy = ": format=safetensors keeps its weights" if settings.format == "onnx" else ""
    return f"format={settings.format}: {type(generator).__name__} cannot be exported ({reason}){remedy}"


if __name__ == "__main__":
    from gan_lightning.commands import cli

    cli.export()
