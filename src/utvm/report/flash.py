"""What a firmware that was just programmed answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from utvm.report.text.tables import duration

if TYPE_CHECKING:
    from utvm.export import ExportRequest
    from utvm.export.firmware import FirmwareResult

_SHOWN_VALUES = 16


def flash_json(request: ExportRequest, result: FirmwareResult, written_bytes: int) -> dict[str, object]:
    """The JSON object of `utvm flash`; `mismatches` is null where nothing was expected."""
    return {
        "model": request.library.program.model,
        "model_sha256": request.library.program.provenance["model_sha256"],
        "board": request.board.name,
        "written_bytes": written_bytes,
        "status": result.status,
        "mismatches": None if request.sample.outputs is None else result.mismatches,
        "cycles": result.cycles,
        "clock_hz": request.board.clock_hz,
        "outputs": [{"name": name, "quantized": value.reshape(-1).tolist()} for name, value in result.outputs.items()],
    }


def flash_text(request: ExportRequest, result: FirmwareResult, written_bytes: int) -> list[str]:
    """What was written, and how its first run went."""
    board = request.board
    lines = [
        f"{request.library.program.model} on {board.title} ({board.name}): {written_bytes:,} bytes written and verified"
    ]
    for name, value in result.outputs.items():
        shown = " ".join(str(element) for element in value.reshape(-1)[:_SHOWN_VALUES])
        lines.append(f"output {name}: {shown}{' ...' if value.size > _SHOWN_VALUES else ''}")
    time = duration(result.cycles / board.clock_hz * 1e6)
    checked = "" if request.sample.outputs is None else f", {result.mismatches} mismatches"
    lines.append(f"status {result.status}{checked}; {result.cycles:,} cycles, {time} at {board.clock_hz / 1e6:g} MHz")
    return lines
