"""A program as a folder: metadata.json, the C sources, constants.bin. No pickle, nothing that changes between runs.

The C files are for the compiler and the reader; loading takes the kernels from kernels.c and the constants from
constants.bin, and checks both against the hashes in metadata.json.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from utvm.codegen.library_files import kernels_name
from utvm.codegen.library_io import LibraryRecord, library_record, loaded_library
from utvm.codegen.model_source import UNIT_FILES, source_files
from utvm.codegen.program import Call, Constant, KernelSource, PlacedTensor, Program, StateValue
from utvm.errors import ProgramError
from utvm.model.tensor import ITEM_SIZE_BYTES
from utvm.operators.kernel import CodeUnit

FORMAT = 1
METADATA = "metadata.json"
CONSTANTS = "constants.bin"
KERNELS = "kernels.c"


class _ConstantRecord(BaseModel):
    model_config = ConfigDict(extra="forbid")
    symbol: str
    dtype: str
    shape: tuple[int, ...]
    owner: str
    role: str
    offset: int


class _KernelRecord(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    prototype: str
    parameters: tuple[str, ...]
    units: tuple[str, ...]
    library: str = ""
    begin: int
    end: int


class _UnitRecord(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    prototype: str
    language: Literal["c", "asm"]
    begin: int
    end: int


class _Metadata(BaseModel):
    model_config = ConfigDict(extra="forbid")
    format: Literal[1]
    model: str
    board: str
    tensors: tuple[PlacedTensor, ...]
    constants: tuple[_ConstantRecord, ...]
    kernels: tuple[_KernelRecord, ...]
    units: tuple[_UnitRecord, ...]
    libraries: tuple[LibraryRecord, ...] = ()
    calls: tuple[Call, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    arenas: dict[str, int]
    provenance: dict[str, str]
    files_sha256: dict[str, str]
    states: tuple[StateValue, ...] = ()
    state_bytes: int = 0
    state_region: str = ""


def save_program(program: Program, folder: Path) -> None:
    """Write the program to `folder`, which must be new, empty or an older program's; whole or not at all."""
    if folder.exists() and not folder.is_dir():
        raise ProgramError(f"{folder}: is a file, not a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / METADATA).is_file():
        raise ProgramError(f"{folder}: holds other files than a program; give a new folder or empty this one")
    files = {name: text.encode() for name, text in source_files(program).items()}
    files[CONSTANTS] = b"".join(_padded(constant.data) for constant in program.constants)
    files[METADATA] = _metadata_text(program, files).encode()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for name, content in files.items():
                (staging / name).write_bytes(content)
            staging.chmod(0o755)
            if folder.exists():
                shutil.rmtree(folder)
            staging.replace(folder)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise ProgramError(f"{folder}: cannot be written: {error.strerror}") from error


def load_program(folder: Path) -> Program:
    """Read a saved program; raises ProgramError naming the file that is missing, malformed or changed."""
    metadata = _read_metadata(folder)
    files = {name: _read_file(folder, name) for name in metadata.files_sha256}
    for name, expected in metadata.files_sha256.items():
        if hashlib.sha256(files[name]).hexdigest() != expected:
            raise ProgramError(f"{folder / name}: was changed after the program was saved; compile the model again")
    for required in (CONSTANTS, KERNELS):
        if required not in files:
            raise ProgramError(f"{folder / METADATA}: does not list {required}")
    texts = {name: content.decode() for name, content in files.items() if name != CONSTANTS}
    try:
        libraries = tuple(loaded_library(record, texts) for record in metadata.libraries)
        kernel_texts = {code.name: texts[kernels_name(code)] for code in libraries} | {"": texts[KERNELS]}
    except KeyError as error:
        raise ProgramError(f"{folder / METADATA}: does not list {error}") from error
    return Program(
        model=metadata.model,
        board=metadata.board,
        tensors=metadata.tensors,
        constants=tuple(_constant(record, files[CONSTANTS], folder) for record in metadata.constants),
        kernels=tuple(
            KernelSource(
                record.name,
                record.prototype,
                kernel_texts[record.library][record.begin : record.end],
                record.parameters,
                record.units,
                record.library,
            )
            for record in metadata.kernels
        ),
        units=tuple(
            CodeUnit(
                record.name,
                record.prototype,
                record.language,
                texts.get(UNIT_FILES[record.language], "")[record.begin : record.end],
            )
            for record in metadata.units
        ),
        calls=metadata.calls,
        inputs=metadata.inputs,
        outputs=metadata.outputs,
        arenas=metadata.arenas,
        provenance=metadata.provenance,
        libraries=libraries,
        states=metadata.states,
        state_bytes=metadata.state_bytes,
        state_region=metadata.state_region,
    )


def _metadata_text(program: Program, files: dict[str, bytes]) -> str:
    texts = {name: content.decode() for name, content in files.items() if name != CONSTANTS}
    places = {code.name: kernels_name(code) for code in program.libraries} | {"": KERNELS}
    kernels = [
        _KernelRecord(
            name=kernel.name,
            prototype=kernel.prototype,
            parameters=kernel.parameters,
            units=kernel.units,
            library=kernel.library,
            begin=begin,
            end=begin + len(kernel.definition),
        ).model_dump()
        for kernel in program.kernels
        for begin in (texts[places[kernel.library]].index(kernel.definition),)
    ]
    units = [
        _UnitRecord(
            name=unit.name, prototype=unit.prototype, language=unit.language, begin=begin, end=begin + len(unit.text)
        ).model_dump()
        for unit in program.units
        for begin in (texts[UNIT_FILES[unit.language]].index(unit.text),)
    ]
    constants, offset = [], 0
    for constant in program.constants:
        constant_record = _ConstantRecord(
            symbol=constant.symbol,
            dtype=constant.data.dtype.name,
            shape=constant.data.shape,
            owner=constant.owner,
            role=constant.role,
            offset=offset,
        )
        constants.append(constant_record.model_dump())
        offset += len(_padded(constant.data))
    document: dict[str, Any] = {
        "format": FORMAT,
        "model": program.model,
        "board": program.board,
        "provenance": dict(program.provenance),
        "inputs": program.inputs,
        "outputs": program.outputs,
        "arenas": dict(program.arenas),
        "calls": [asdict(call) for call in program.calls],
        "states": [asdict(state) for state in program.states],
        "state_bytes": program.state_bytes,
        "state_region": program.state_region,
        "tensors": [asdict(tensor) for tensor in program.tensors],
        "constants": constants,
        "kernels": kernels,
        "units": units,
        "libraries": [library_record(code) for code in program.libraries],
        "files_sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _padded(data: np.ndarray[Any, Any]) -> bytes:
    raw = np.ascontiguousarray(data).astype(data.dtype.newbyteorder("<")).tobytes()
    return raw + bytes(-len(raw) % 4)


def _read_file(folder: Path, name: str) -> bytes:
    if Path(name).name != name:
        raise ProgramError(f"{folder / METADATA}: lists a file outside the folder: {name!r}")
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ProgramError(f"{folder / name}: cannot be read: {error.strerror}") from error


def _read_metadata(folder: Path) -> _Metadata:
    text = _read_file(folder, METADATA)
    try:
        return _Metadata.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "document"
        raise ProgramError(f"{folder / METADATA}: not a program of format {FORMAT}: {where}: {first['msg']}") from error


def _constant(record: _ConstantRecord, blob: bytes, folder: Path) -> Constant:
    where = f"{folder / CONSTANTS}: constant {record.symbol}"
    if record.dtype not in ITEM_SIZE_BYTES or any(extent < 0 for extent in record.shape):
        raise ProgramError(f"{where}: {record.dtype}{list(record.shape)} is not a tensor type")
    count = 1
    for extent in record.shape:
        count *= extent
    end = record.offset + count * ITEM_SIZE_BYTES[record.dtype]
    if record.offset < 0 or end > len(blob):
        raise ProgramError(f"{where}: lies outside the file")
    stored = np.frombuffer(blob[record.offset : end], dtype=np.dtype(record.dtype).newbyteorder("<"))
    data = stored.astype(record.dtype).reshape(record.shape)
    data.setflags(write=False)
    return Constant(record.symbol, data, record.owner, record.role)
