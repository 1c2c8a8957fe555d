"""What makes a process compute faster, and the same each time, whatever it computes."""

import ctypes
import os

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)
VECTOR_MATH = (  # what torch has MKL's vector math compute
    *("acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "erfinv", "exp", "expm1", "floor", "lgamma", "log"),
    *("log10", "log1p", "log2", "round", "sin", "sinh", "sqrt", "tan", "tanh", "trunc"),
)


def prepare_process() -> None:
    """Set up processor and memory. To be called before torch has computed anything.

    * Numbers below 1e-38 are taken as 0. Adam's moments of weights that no longer get a gradient end there, and each of
      them costs the processor as much as a hundred others: 18 % of the article's generator after two epochs.
    * Lightning has CUDA looked for through NVML, which torch's optimizers then do in every step. Where there is no GPU
      the usual way is a thousand times faster.
    * Memory that is freed is kept for the next iteration.
    * Each function of MKL's vector math chooses its kernel in its first call, which must not come from two threads at
      once: one of them may take a kernel that is right to five digits only (https://github.com/pytorch/pytorch/issues/188792).
      On a busy machine a run then ended elsewhere than the others of its seed.
    """
    torch.set_flush_denormal(True)
    if not torch.cuda.is_available():
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
    _keep_freed_memory()
    _choose_kernels()


def _keep_freed_memory() -> None:
    """Have glibc's malloc return no block below 1 GB to the system, which would clear its pages in the next iteration.

    Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def _choose_kernels() -> None:
    """Call each function once, on so little that it takes one thread."""
    for dtype in (torch.float32, torch.float64):
        one = torch.full((1,), 0.5, dtype=dtype)
        for name in VECTOR_MATH:
            getattr(torch, name)(one)
