"""One tar file in the manner of TVM's Model Library Format: metadata.json, and code by what it runs on."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile

from utvm.export.interface import Port
from utvm.export.layout import split
from utvm.export.request import ExportRequest
from utvm.export.templating import render
from utvm.toolchain.linker_script import ARENA_ALIGNMENT_BYTES

METADATA_VERSION = 1


def files(request: ExportRequest) -> dict[str, str | bytes]:
    """PREFIX.tar with metadata.json, README.md, codegen/host/include, codegen/host/src. Equal inputs, equal bytes."""
    members = {
        **split(request.library, "codegen/host/include", "codegen/host/src"),
        "README.md": render("c/README.md", request),
    }
    contents = {name: text.encode() if isinstance(text, str) else text for name, text in members.items()}
    contents["metadata.json"] = (json.dumps(_metadata(request, contents), indent=1) + "\n").encode()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(contents.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return {f"{request.library.options.prefix}.tar": stream.getvalue()}


def _metadata(request: ExportRequest, contents: dict[str, bytes]) -> dict[str, object]:
    library, board = request.library, request.board
    program, options = library.program, library.options
    return {
        "version": METADATA_VERSION,
        "model_name": program.model,
        "model_sha256": program.provenance["model_sha256"],
        "provenance": dict(program.provenance),
        "target": {"board": board.name, "core": board.core.name, "gcc_flags": list(board.toolchain.gcc_flags)},
        "prefix": options.prefix,
        "functions": _functions(request),
        "memory": {
            "arena": options.arena,
            "arena_alignment_bytes": ARENA_ALIGNMENT_BYTES,
            "arena_bytes": dict(program.arenas),
            "state_bytes": program.state_bytes,
            "constants_bytes": program.constant_bytes,
        },
        "inputs": [_port(port) for port in library.interface.inputs],
        "outputs": [_port(port) for port in library.interface.outputs],
        "layers": [
            {"name": call.layer, "operator": call.operator, "kernel": call.kernel, "schedule": call.schedule,
             "macs": call.macs}
            for call in program.calls
        ],
        "files_sha256": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.items())},
    }  # fmt: skip


def _functions(request: ExportRequest) -> dict[str, str]:
    names = ["init", "run", *(["reset"] if request.library.program.states else [])]
    return {name: f"{request.library.options.prefix}_{name}" for name in names}


def _port(port: Port) -> dict[str, object]:
    tensor = port.tensor
    return {
        "name": tensor.name,
        "member": port.member,
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "scale": port.scale,
        "zero_point": port.zero_point,
        "region": tensor.region,
        "offset": tensor.offset,
    }
