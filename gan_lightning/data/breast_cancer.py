"""The measurements of breast tumours in scikit-learn, which need no download."""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from torch import Tensor

from gan_lightning.data.table import SplitTable


class BreastCancer(SplitTable):
    """569 tumours with 30 measurements of their cells and a diagnosis (UCI, Wolberg et al., 1995).

    Takes the arguments of :class:`SplitTable`.
    """

    source = "Breast Cancer Wisconsin (Diagnostic), https://archive.ics.uci.edu/dataset/17"
    licence = "CC-BY-4.0"

    def read_all(self) -> Tensor:
        tumours = load_breast_cancer()
        return torch.from_numpy(np.column_stack([tumours.data, tumours.target]))
