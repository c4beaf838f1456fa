"""The stored input of a project's example, and the outputs expected of it, as C."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from utvm.codegen.c_text import CWriter, array_literal
from utvm.export.interface import Port
from utvm.export.request import ExportRequest
from utvm.model.tensor import Array

_Entry = tuple[str, Port, Array]


def sample_files(request: ExportRequest) -> dict[str, str | bytes]:
    """sample.h and sample.c: `sample_input_NAME`, and where outputs are expected `sample_output_NAME`."""
    ports, sample = request.library.interface, request.sample
    entries = _entries("input", ports.inputs, sample.inputs)
    if sample.outputs is not None:
        entries += _entries("output", ports.outputs, sample.outputs)
    return {"sample.h": _header(entries), "sample.c": _source(entries)}


def _entries(kind: str, ports: Sequence[Port], values: Mapping[str, Array]) -> list[_Entry]:
    return [(f"sample_{kind}_{port.identifier}", port, values[port.tensor.name]) for port in ports]


def _header(entries: Sequence[_Entry]) -> str:
    out = CWriter()
    out.comment(["A stored input of the model, and the outputs expected of it."])
    out.line("#ifndef SAMPLE_H")
    out.line("#define SAMPLE_H")
    out.line()
    out.line("#include <stdint.h>")
    out.line()
    for name, port, _ in entries:
        out.line(f"extern const {port.c_type} {name}[{port.elements}]; /* {port.dtype} */")
    out.line()
    out.line("#endif")
    return out.text()


def _source(entries: Sequence[_Entry]) -> str:
    out = CWriter()
    out.line('#include "sample.h"')
    for name, port, value in entries:
        out.line()
        with out.block(f"const {port.c_type} {name}[{port.elements}] =", "};"):
            for line in array_literal(np.asarray(value)):
                out.line(line)
    return out.text()
