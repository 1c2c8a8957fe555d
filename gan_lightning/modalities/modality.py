"""The interface of a kind of content: everything about a sample that is no training."""

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

if TYPE_CHECKING:  # which takes long to import
    from torch.utils.tensorboard import SummaryWriter

LISTED = 5  # arrays of a file that a message names


class Modality(ABC):
    """A kind of content: how it is encoded for networks, shown, written, read back and hashed.

    It knows no data set, no model and no training. *Content* is what people see, hear, read, sign and sell; a
    *sample* is what networks make and see. A new modality is a subclass in ``gan_lightning/modalities/``, or in a
    package of your own.

    Attributes:
        suffix: of the files that ``write`` makes, as ``.png``.
        media_type: of those files, as ``image/png``.
        content_dtype: of content tensors.
        tolerance: by how much a number of the content may differ when other hardware makes the same sample again.
        sample_shape: of one sample, without the batch; of joint content, of each part by name.
    """

    suffix: ClassVar[str]
    media_type: ClassVar[str]
    content_dtype: ClassVar[torch.dtype]
    tolerance: ClassVar[int] = 0

    sample_shape: Shape

    @property
    def content_shape(self) -> Shape:
        """Shape of the content of one sample; that of the sample unless encoding changes it."""
        return self.sample_shape

    @abstractmethod
    def encode(self, content: Content) -> Sample:
        """Return content as samples, on the device that it is on."""

    @abstractmethod
    def decode(self, sample: Sample) -> Content:
        """Return samples as content, on the CPU."""

    @abstractmethod
    def sheet(self, content: Content, columns: int | None = None) -> np.ndarray:
        """Return one image (H, W, 3) uint8 that shows all samples of the content.

        Args:
            content: what to show.
            columns: samples in a row; as many as there are rows if None.
        """

    def log(self, writer: "SummaryWriter", tag: str, content: Content, step: int, columns: int | None = None) -> None:
        """Write content to TensorBoard: its sheet, or what TensorBoard has for the modality."""
        writer.add_image(tag, self.sheet(content, columns), step, dataformats="HWC")

    @abstractmethod
    def write(self, content: Content, folder: Path, start: int = 0) -> list[Path]:
        """Write content to files in a folder that exists, and return their paths.

        Args:
            content: what to write.
            folder: where to.
            start: number of the first sample: a large set is written in several calls.
        """

    @abstractmethod
    def read_file(self, path: Path) -> Content:
        """Return the content of one file, a batch of one sample or more; raise UserError for anything else."""

    @classmethod
    @abstractmethod
    def digest(cls, path: Path) -> str:
        """Return the SHA-256, hexadecimal, of what a file shows, whatever its container; raise UserError if unclear."""

    @classmethod
    def reads(cls, name: str) -> bool:
        """Return whether a file of this name may be of the modality."""
        return name.lower().endswith(cls.suffix) and not name.startswith(".")

    def read(self, path: Path, without: Collection[Path] = ()) -> Content:
        """Return the content of a file, of all files of a folder, or of the arrays in an .npz or .npy file.

        Nothing is resized or converted. Hidden files and folders are left out.

        Args:
            path: of the file or folder.
            without: folders in it that are left out too.

        Raises:
            UserError: for anything that is not content of this modality.
        """
        if path.is_dir():
            files = self._files(path, without)
            if not files:
                raise UserError(f"{path}: no {self.suffix} files in it or below")
            return cat([self._checked(file, self.read_file) for file in tqdm(files, "reading", disable=None)])
        if path.suffix.lower() in ARRAYS:
            return self._checked(path, lambda path: self.from_arrays(read_arrays(path)))
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        return self._checked(path, self.read_file)

    def says(self, text: str) -> bool:
        """Return whether a text itself is content, as the name of a class is; ``read`` takes it for no path then."""
        return False

    def _files(self, folder: Path, without: Collection[Path]) -> list[Path]:
        """Return the files of the modality in a folder and below, sorted."""
        files = []
        for parent, subfolders, names in os.walk(folder):
            files += [Path(parent, name) for name in names if self.reads(name)]
            visible = (name for name in subfolders if not name.startswith("."))
            subfolders[:] = [name for name in visible if Path(parent, name) not in without]  # os.walk leaves the rest
        return sorted(files)

    def _checked(self, path: Path, read: Callable[[Path], Content]) -> Content:
        """Return what ``read`` returns of a file from anywhere, for which it may raise anything."""
        try:
            return self.check(read(path), path)
        except UserError as error:
            raise UserError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
        except Exception as error:
            reason = " ".join(f"{type(error).__name__} {error}".split())
            raise UserError(f"{path}: cannot be read as {type(self).__name__} ({reason})") from error

    def from_arrays(self, arrays: Mapping[str, np.ndarray]) -> Content:
        """Return the content in the arrays of a file: in ``samples`` if that fits, else in the only one that does.

        Joint content is in arrays that are called as its parts.

        Raises:
            UserError: where none fits, or several do.
        """
        if isinstance(self.content_shape, dict):
            return {name: self.from_array(arrays[name]) for name in self.content_shape}
        fitting = [name for name, array in arrays.items() if self._fits(array)]
        preferred = [name for name in fitting if name == "samples"] or fitting or list(arrays)
        if len(preferred) > 1:
            found = [f"{name} ({array.dtype} {list(array.shape)})" for name, array in arrays.items()]
            raise UserError(
                f"holds {', '.join(found[:LISTED])}{', …' * (len(found) > LISTED)}: {'several' if fitting else 'none'} "
                f"of them can be samples of {type(self).__name__}, {self._described()}: store one alone, or as samples"
            )
        return self.from_array(arrays[preferred[0]])

    def _described(self) -> str:
        dtype = getattr(self, "content_dtype", None)
        return f"{_name(dtype)} {_listed(self.content_shape)}" if dtype else _listed(self.content_shape)

    def _fits(self, array: np.ndarray) -> bool:
        try:
            self.check(self.from_array(array))
        except UserError:
            return False
        return True

    def from_array(self, array: np.ndarray) -> Tensor:
        """Return an array as content; a subclass may put axes in order that other tools store in another one."""
        try:
            return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")))
        except TypeError as error:
            raise UserError(f"is {array.dtype}: must be {_name(self.content_dtype)}") from error

    def check(self, content: Content, where: object = "content") -> Content:
        """Return the content if it has the modality's type and shape.

        A subclass whose numbers have a range, as token ids have, checks that too.

        Args:
            content: what to check.
            where: it comes from, for the message.

        Raises:
            UserError: with what is expected and what was found.
        """
        if not size(content):
            raise UserError(f"{where}: holds no samples")
        found = shape(content)
        if found != self.content_shape:
            raise UserError(f"{where}: each sample has shape {_listed(found)}: must be {_listed(self.content_shape)}")
        for one in leaves(content):
            if one.dtype != self.content_dtype:
                raise UserError(f"{where}: is {_name(one.dtype)}: must be {_name(self.content_dtype)}")
        return content

    def check_complete(self) -> None:
        """Raise ValueError if a subclass lacks what it has to say of its content and files."""
        needed = ["suffix", "media_type", "sample_shape"]
        if type(self).check is Modality.check:
            needed.append("content_dtype")
        missing = [name for name in needed if not hasattr(self, name)]
        if missing:
            raise ValueError(f"modality {type(self).__name__} lacks {', '.join(missing)}")

    def values(self) -> Content | None:
        """Return all content there can be, in order, where it can be counted, as class labels can; else None."""
        return None

    def state(self) -> dict[str, Any]:
        """Return what was learned from data, as a vocabulary: tensors and plain values, kept in checkpoints."""
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state`` returned.

        Raises:
            ValueError: if it does not fit.
        """
        if state:
            raise ValueError(f"{type(self).__name__} has no state, found {', '.join(state)}")


def modalities(packages: Sequence[str] = ()) -> list[type[Modality]]:
    """Return all modalities there are, those of this package first.

    Args:
        packages: of the user's own, whose modalities count too.

    Raises:
        UserError: for a package that is not there.
    """
    for module in pkgutil.iter_modules(gan_lightning.modalities.__path__, "gan_lightning.modalities."):
        importlib.import_module(module.name)
    for package in packages:
        try:
            importlib.import_module(package)
        except ImportError as error:
            raise UserError(f"{package}: cannot be imported ({error}): must be a package that is installed") from error
    found = [*Modality.__subclasses__()]
    for one in found:
        found += one.__subclasses__()
    return [one for one in found if hasattr(one, "suffix")]


def modality_of(name: str, packages: Sequence[str] = ()) -> type[Modality] | None:
    """Return the modality whose files have such a name; None if no modality has.

    Args:
        name: of the file.
        packages: of the user's own, whose modalities count too.
    """
    return next((one for one in modalities(packages) if one.reads(name)), None)


def _listed(shape: Shape) -> str:
    if isinstance(shape, dict):
        return "{" + ", ".join(f"{name}: {list(one)}" for name, one in shape.items()) + "}"
    return str(list(shape))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
