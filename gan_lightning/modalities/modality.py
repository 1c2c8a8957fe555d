"""The interface of a modality: everything about a sample except training."""

import importlib
import os
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

import gan_lightning.modalities
from gan_lightning.errors import UserError
from gan_lightning.modalities.arrays import ARRAYS, read_arrays
from gan_lightning.modalities.samples import Content, Sample, Shape, cat, leaves, shape, size

if TYPE_CHECKING:  # slow to import, or imports this module
    from torch.utils.tensorboard import SummaryWriter

    from gan_lightning.modalities.rendering import Rendering

MAX_LISTED = 5  # arrays of a file that a message names


class AmbiguousContent(UserError):
    """A file can show something else than the content that its digest would be of, as an animation does."""


class Modality(ABC):
    """A kind of content: how it is encoded for networks, shown, written, read back and hashed.

    It does not depend on a data set, a model or training. *Content* is what files hold and people see, hear or read;
    a *sample* is what networks take and return. A new modality is a subclass in ``gan_lightning/modalities/`` or in
    your own package.

    Attributes:
        suffix: suffix of the files that ``write`` creates, such as ``.png``.
        media_type: media type of those files, such as ``image/png``.
        content_dtype: data type of content tensors.
        tolerance: largest difference in a value of the content if other hardware generates the same sample.
        in_sheets: if True, sheets of samples show the conditions of this modality on the left.
        sample_shape: shape of one sample, without the batch; for joint content, the shape of each part by name.
    """

    suffix: ClassVar[str]
    media_type: ClassVar[str]
    content_dtype: ClassVar[torch.dtype]
    tolerance: ClassVar[int] = 0
    in_sheets: ClassVar[bool] = True

    sample_shape: Shape

    @property
    def declared(self) -> bool:
        """True if nothing of the modality is fitted to content, so that it reveals none."""
        return True

    @property
    def content_shape(self) -> Shape:
        """Shape of the content of one sample; equal to ``sample_shape`` unless encoding changes the shape."""
        return self.sample_shape

    @property
    def renderings(self) -> Mapping[str, "Rendering"]:
        """Files of other modalities in which people see or hear the content, by the format of ``gan-generate``."""
        return {}

    @abstractmethod
    def encode(self, content: Content) -> Sample:
        """Return the samples for content, on the device of the content."""

    @abstractmethod
    def decode(self, sample: Sample) -> Content:
        """Return the content of samples, on the CPU."""

    @abstractmethod
    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        """Return one image (H, W, 3) uint8 that shows all samples of the content.

        Args:
            content: the content to show.
            columns: number of samples in a row; None for a square grid.
        """

    def log(self, writer: "SummaryWriter", tag: str, content: Content, step: int, columns: int | None = None) -> None:
        """Write content to TensorBoard: its sheet, unless a subclass uses another TensorBoard plugin."""
        writer.add_image(tag, self.sheet(content, columns), step, dataformats="HWC")

    @abstractmethod
    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        """Write content to files and return their paths.

        Args:
            content: the content to write.
            folder: an existing folder for the files.
            start: number of the first sample; a large set is written in several calls.
        """

    @abstractmethod
    def read_file(self, path: Path) -> Content:
        """Return the content of one file, a batch of one or more samples; raise UserError for any other file."""

    @classmethod
    @abstractmethod
    def digest(cls, path: Path) -> str:
        """Return the hexadecimal SHA-256 of the content in a file, independent of its container.

        Raises:
            UserError: if the file is not content of this modality; AmbiguousContent if it can show something else too.
        """

    @classmethod
    def reads(cls, name: str) -> bool:
        """Return True if a file of this name may hold content of the modality."""
        return name.lower().endswith(cls.suffix) and not name.startswith(".")

    def read(self, path: Path, without: Collection[Path] = ()) -> Content:
        """Return the content of a file, of all files in a folder, or of the arrays in an .npz or .npy file.

        Nothing is resized or converted. Hidden files and folders are skipped.

        Args:
            path: the file or folder to read.
            without: subfolders to skip.

        Raises:
            UserError: if a file is missing or is not content of this modality.
        """
        if path.is_dir():
            files = self._find_files(path, without)
            if not files:
                raise UserError(f"{path}: no {self.suffix} files in it or below")
            return cat([self._read_checked(file, self.read_file) for file in tqdm(files, "reading", disable=None)])
        if path.suffix.lower() in ARRAYS:
            return self._read_checked(path, lambda path: self.from_arrays(read_arrays(path)))
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        return self._read_checked(path, self.read_file)

    def says(self, text: str) -> bool:
        """Return True if the text itself is content, such as the name of a class; ``read`` then does not open it."""
        return False

    def _find_files(self, folder: Path, without: Collection[Path]) -> list[Path]:
        """Return the files of the modality in a folder and its subfolders, sorted."""
        files = []
        for parent, subfolders, names in os.walk(folder):
            files += [Path(parent, name) for name in names if self.reads(name)]
            visible = (name for name in subfolders if not name.startswith("."))
            subfolders[:] = [name for name in visible if Path(parent, name) not in without]  # stops os.walk
        return sorted(files)

    def _read_checked(self, path: Path, read: Callable[[Path], Content]) -> Content:
        """Return ``read(path)`` after a check; raise UserError for any exception, as the file may be corrupt."""
        try:
            return self.check(read(path), path)
        except UserError as error:
            raise UserError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
        except Exception as error:
            reason = " ".join(f"{type(error).__name__} {error}".split())
            raise UserError(f"{path}: cannot be read as {type(self).__name__} ({reason})") from error

    def from_arrays(self, arrays: Mapping[str, np.ndarray]) -> Content:
        """Return the content in named arrays: ``samples`` if it fits the modality, else the only array that fits.

        The arrays of joint content have the names of its parts.

        Raises:
            UserError: if no array fits, or several do.
        """
        if isinstance(self.content_shape, dict):
            return {name: self.from_array(arrays[name]) for name in self.content_shape}
        fitting = [name for name, array in arrays.items() if self._fits(array)]
        preferred = [name for name in fitting if name == "samples"] or fitting or list(arrays)
        if len(preferred) > 1:
            found = [f"{name} ({array.dtype} {list(array.shape)})" for name, array in arrays.items()]
            more = ", …" if len(found) > MAX_LISTED else ""
            count = "several" if fitting else "none"
            raise UserError(
                f"holds {', '.join(found[:MAX_LISTED])}{more}: {count} of them can be samples of "
                f"{type(self).__name__}, {self._expected_array()}: store one alone, or under the name samples"
            )
        return self.from_array(arrays[preferred[0]])

    def _expected_array(self) -> str:
        dtype = getattr(self, "content_dtype", None)
        shape_text = _format_shape(self.content_shape)
        return f"{_dtype_name(dtype)} {shape_text}" if dtype else shape_text

    def _fits(self, array: np.ndarray) -> bool:
        try:
            self.check(self.from_array(array))
        except UserError:
            return False
        return True

    def from_array(self, array: np.ndarray) -> Tensor:
        """Return an array as content; a subclass may accept other orders of the axes, as other tools store them."""
        try:
            return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")))
        except TypeError as error:
            raise UserError(f"is {array.dtype}: must be {_dtype_name(self.content_dtype)}") from error

    def check(self, content: Content, where: object = "content") -> Content:
        """Return the content if it has the modality's type and shape.

        A subclass whose values have a range, such as token ids, checks the range too.

        Args:
            content: the content to check.
            where: source of the content, for the message.

        Raises:
            UserError: if the content is empty, or its type or shape is wrong.
        """
        if not size(content):
            raise UserError(f"{where}: holds no samples")
        found = shape(content)
        if found != self.content_shape:
            raise UserError(
                f"{where}: each sample has shape {_format_shape(found)}: must be {_format_shape(self.content_shape)}"
            )
        for one in leaves(content):
            if one.dtype != self.content_dtype:
                raise UserError(f"{where}: is {_dtype_name(one.dtype)}: must be {_dtype_name(self.content_dtype)}")
        return content

    def check_complete(self) -> None:
        """Raise ValueError if a subclass lacks a required attribute."""
        required = ["suffix", "media_type", "sample_shape"]
        if type(self).check is Modality.check:
            required.append("content_dtype")
        missing = [name for name in required if not hasattr(self, name)]
        if missing:
            raise ValueError(f"modality {type(self).__name__} lacks {', '.join(missing)}")

    def input_form(self) -> dict[str, Any]:
        """Return how a page asks for content of one sample as a condition: plain values, of which ``kind`` is one."""
        return {"kind": "file", "media_type": self.media_type, "suffix": self.suffix, "shape": self.content_shape}

    def values(self) -> Content | None:
        """Return all possible content in order if it is finite, such as all class labels; else None."""
        return None

    def state(self) -> dict[str, Any]:
        """Return state learned from data, such as a vocabulary, for checkpoints: tensors and plain values."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore the state that ``state`` returned.

        Raises:
            ValueError: if the state does not fit the modality.
        """
        if state:
            raise ValueError(f"{type(self).__name__} has no state, found {', '.join(state)}")


def modalities(packages: Sequence[str] = ()) -> list[type[Modality]]:
    """Return all modality classes, those of this package first.

    Args:
        packages: names of further packages to import, whose modalities are included.

    Raises:
        UserError: if a package cannot be imported.
    """
    for module in pkgutil.iter_modules(gan_lightning.modalities.__path__, "gan_lightning.modalities."):
        importlib.import_module(module.name)
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise UserError(f"{package}: cannot be imported ({error}): install the package") from error
    classes = [*Modality.__subclasses__()]
    for one in classes:
        classes += one.__subclasses__()  # extends the list that the loop reads
    return [one for one in classes if hasattr(one, "suffix")]


def modality_of(name: str, packages: Sequence[str] = ()) -> type[Modality] | None:
    """Return the modality that reads files of this name; None if there is none.

    Args:
        name: name of a file.
        packages: names of further packages whose modalities are included.
    """
    return next((one for one in modalities(packages) if one.reads(name)), None)


def _format_shape(shape: Shape) -> str:
    if isinstance(shape, dict):
        return "{" + ", ".join(f"{name}: {list(one)}" for name, one in shape.items()) + "}"
    return str(list(shape))


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
