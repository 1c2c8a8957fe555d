"""What makes a process train faster, whatever it trains."""

import ctypes
import os

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)


def prepare_process() -> None:
    """Set up processor and memory. To be called before torch has computed anything.

    * Numbers below 1e-38 are taken as 0. Adam's moments of weights that no longer get a gradient end there, and each of
      them costs the processor as much as a hundred others: 18 % of the article's generator after two epochs.
    * Lightning has CUDA looked for through NVML, which torch's optimizers then do in every step. Where there is no GPU
      the usual way is a thousand times faster.
    * Memory that is freed is kept for the next iteration.
    """
    torch.set_flush_denormal(True)
    if not torch.cuda.is_available():
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Have glibc's malloc return no block below 1 GB to the system, which would clear its pages in the next iteration.

    Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
