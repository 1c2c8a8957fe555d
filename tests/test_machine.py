"""Process settings: denormals, the check for GPUs, the allocator, vector math."""

import ctypes
import os

import pytest
import torch

from gan_lightning.config.resolvers import mixed_precision_if_faster
from gan_lightning.system.machine import VECTOR_MATH, prepare_process


def test_denormals_are_flushed_to_zero():
    torch.set_flush_denormal(False)
    tiny = torch.full((64,), 1e-39)
    assert (tiny * 0.5).max() > 0
    prepare_process()
    assert (tiny * 0.5).max() == 0


def test_nvml_check_is_off_without_a_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    prepare_process()
    assert os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] == "0"


def test_first_call_of_each_vector_math_function_has_one_thread():
    with torch.profiler.profile(record_shapes=True) as profile:
        prepare_process()
    shapes = {event.name.removeprefix("aten::"): event.input_shapes for event in profile.events()}
    assert all(shapes[name] == [[1]] for name in VECTOR_MATH)


def test_c_library_without_mallopt_is_unchanged(monkeypatch):
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
def test_bfloat16_if_the_processor_computes_it_natively(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert mixed_precision_if_faster("cpu") == expected


def test_float32_if_torch_does_not_know_the_processor(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert mixed_precision_if_faster("cpu") == "32-true"
