"""What is set up before a run: denormals, the search for GPUs, the allocator, vector math."""

import ctypes
import os

import pytest
import torch

from gan_lightning.config.resolvers import mixed_precision_if_faster
from gan_lightning.system.machine import VECTOR_MATH, prepare_process


def test_the_tiniest_numbers_are_zero():
    torch.set_flush_denormal(False)
    tiny = torch.full((64,), 1e-39)
    assert (tiny * 0.5).max() > 0
    prepare_process()
    assert (tiny * 0.5).max() == 0


def test_without_a_gpu_nvml_is_not_asked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    prepare_process()
    assert os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] == "0"


def test_each_function_of_the_vector_math_is_first_called_by_one_thread():
    with torch.profiler.profile(record_shapes=True) as profile:
        prepare_process()
    shapes = {event.name.removeprefix("aten::"): event.input_shapes for event in profile.events()}
    assert all(shapes[name] == [[1]] for name in VECTOR_MATH)


def test_another_c_library_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    prepare_process()


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "bf16-mixed"),
        ({"amx_bf16": False, "avx512_bf16": True}, "bf16-mixed"),
        ({"avx2": True}, "32-true"),
    ],
)
def test_bfloat16_where_the_processor_has_units_for_it(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert mixed_precision_if_faster("cpu") == expected


def test_float32_with_a_torch_that_cannot_tell(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert mixed_precision_if_faster("cpu") == "32-true"
