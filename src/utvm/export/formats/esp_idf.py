"""A component for ESP-IDF, with an application that runs it."""

from __future__ import annotations

from utvm.errors import UsageError
from utvm.export.layout import package_name, split
from utvm.export.request import ExportRequest
from utvm.export.sample import sample_files
from utvm.export.templating import render

_COMPONENT = ("CMakeLists.txt", "idf_component.yml", "README.md")
_APPLICATION = ("CMakeLists.txt", "main/CMakeLists.txt", "main/idf_component.yml", "main/main.c")


def files(request: ExportRequest) -> dict[str, str | bytes]:
    """The component, and its application in examples/run. Raises UsageError for kernels of another kind of core."""
    if request.board.core.name.startswith("cortex") and request.library.program.units:
        raise UsageError(
            f"--format esp-idf: the kernels for {request.board.name} are in Arm's instructions, which no ESP32 has; "
            "use --kernels portable, or compile for a RISC-V board, for example --board qemu-riscv32-virt"
        )
    more = {"package": package_name(request.library), "expected": request.sample.outputs is not None}
    made: dict[str, str | bytes] = {name: render(f"esp-idf/{name}", request, **more) for name in _COMPONENT}
    made |= {f"examples/run/{name}": render(f"esp-idf/examples/run/{name}", request, **more) for name in _APPLICATION}
    made |= {f"examples/run/main/{name}": text for name, text in sample_files(request).items()}
    return made | split(request.library, "include", "src")
