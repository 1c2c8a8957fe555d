"""Process settings that make computations faster and reproducible."""

import ctypes
import os

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)
VECTOR_MATH = (  # functions that torch computes with MKL's vector math
    *("acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "erfinv", "exp", "expm1", "floor", "lgamma", "log"),
    *("log10", "log1p", "log2", "round", "sin", "sinh", "sqrt", "tan", "tanh", "trunc"),
)


def prepare_process() -> None:
    """Set up processor and memory; call this before torch computes anything.

    * Treat numbers below 1e-38 as 0. Adam's moments of weights that no longer get a gradient shrink to such numbers;
      each costs the processor as much as a hundred others. After two epochs 18 % of the article's generator had them.
    * Look for CUDA without NVML if there is no GPU. Lightning turns NVML on, and torch's optimizers check for CUDA in
      every step; the default check is a thousand times faster.
    * Keep freed memory for the next iteration.
    * Call each function of MKL's vector math once. The first call selects a kernel; if two threads make it at once, one
      may get a kernel with five correct digits (https://github.com/pytorch/pytorch/issues/188792). On a busy machine
      runs of the same seed then differed.
    """
    torch.set_flush_denormal(True)
    if not torch.cuda.is_available():
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
    _keep_freed_memory()
    _choose_kernels()


def _keep_freed_memory() -> None:
    """Make glibc's malloc keep freed blocks below 1 GB: the system would clear their pages in the next iteration.

    Do nothing with other C libraries.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def _choose_kernels() -> None:
    """Call each function once, on one number, so that torch uses one thread."""
    for dtype in (torch.float32, torch.float64):
        number = torch.full((1,), 0.5, dtype=dtype)
        for name in VECTOR_MATH:
            getattr(torch, name)(number)
