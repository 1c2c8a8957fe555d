"""Arrays in .npz and .npy files. Writing needs little memory, however large the arrays are."""

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.files import check_regular

ARRAYS = (".npz", ".npy")
MAX_ARRAY_BYTES = 2**32  # size of unpacked arrays: a small file can claim to hold arrays of any size


def write_arrays(path: Path, parts: Iterable[Mapping[str, Tensor]], n: int) -> None:
    """Write arrays of ``n`` rows to an .npz file, one part at a time.

    A zip file takes one member at a time. The first array goes straight into it; the others wait in temporary files.

    Args:
        path: the file to write.
        parts: consecutive rows of each array by its name; all parts have the same names.
        n: number of rows of all parts together.
    """
    with zipfile.ZipFile(path, "w") as archive, ExitStack() as temporary:
        files: dict[str, IO[bytes]] = {}
        with ExitStack() as first_member:
            for part in parts:
                for name, rows in part.items():
                    if name not in files:
                        files[name] = (
                            temporary.enter_context(tempfile.TemporaryFile(dir=path.parent))
                            if files
                            else first_member.enter_context(_open_member(archive, name))
                        )
                        _write_header(files[name], rows, n)
                    files[name].write(np.ascontiguousarray(rows.cpu()).data)
        for name in list(files)[1:]:
            files[name].seek(0)
            with _open_member(archive, name) as member:
                shutil.copyfileobj(files[name], member)


def _open_member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    return archive.open(f"{name}.npy", "w", force_zip64=True)


def _write_header(file: IO[bytes], rows: Tensor, n: int) -> None:
    """Write the header of a .npy file for ``n`` rows like ``rows``."""
    header = np.lib.format.header_data_from_array_1_0(rows[:1].cpu().numpy())
    np.lib.format.write_array_header_1_0(file, header | {"shape": (n, *rows.shape[1:]), "fortran_order": False})


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays in an .npz or .npy file by name; the array of an .npy file is named ``samples``.

    Raises:
        UserError: if the file cannot be read, holds no arrays, or is larger than ``MAX_ARRAY_BYTES`` when unpacked.
    """
    try:
        check_regular(path)
        if path.suffix.lower() == ".npy":
            with path.open("rb") as file:
                np.lib.format.read_magic(file)  # for other files, np.load would advise to unpickle them
            return {"samples": np.load(path, mmap_mode="c")}
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(info.file_size for info in archive.infolist())
        if unpacked > MAX_ARRAY_BYTES:
            raise ValueError(f"{unpacked:,} bytes when unpacked, at most {MAX_ARRAY_BYTES:,}: split it")
        with np.load(path) as content:
            return _read_members(content)
    except (OSError, ValueError, EOFError, LookupError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path}: not a readable {path.suffix} file ({error}): store it again") from error


def _read_members(content: np.lib.npyio.NpzFile) -> dict[str, np.ndarray]:
    """Return the arrays in an .npz file by name, without arrays of Python objects; raise ValueError if none is left."""
    arrays = {}
    reason: ValueError | None = None
    for name in content.files:
        try:
            arrays[name] = content[name]
        except ValueError as error:
            reason = error
    arrays = {name: array for name, array in arrays.items() if isinstance(array, np.ndarray)}  # other files are bytes
    if not arrays:
        raise reason or ValueError("no arrays")
    return arrays
