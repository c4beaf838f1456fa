"""The doctor's findings as text."""

from __future__ import annotations

from rich.console import RenderableType

from utvm.report.doctor import DoctorReport
from utvm.report.text.tables import table


def doctor_text(report: DoctorReport) -> list[RenderableType]:
    """What was found, then what is missing and what that costs, then the verdict."""
    found = table("found", "version", "for")
    found.add_row("utvm", report.utvm, "")
    found.add_row("python", report.python, report.platform)
    for package in report.packages:
        if package.installed is not None:
            verdict = "the pinned version" if package.fits else f"NOT the pinned version {package.wanted}"
            found.add_row(package.name, package.installed, f"{verdict}{f': {package.why}' if package.why else ''}")
    missing = table("missing", "what that costs", "to get it")
    for tool in report.tools:
        if tool.found:
            found.add_row(tool.name, tool.version or tool.path or "", tool.purpose)
        else:
            missing.add_row(tool.name, tool.without_it, tool.remedy)
    parts: list[RenderableType] = [found]
    if missing.row_count:
        parts.append(missing)
    parts += [f"problem: {problem}" for problem in report.problems]
    if report.works:
        parts.append("Models can be compiled and run on virtual boards. Try: utvm demo")
    else:
        parts.append("Models cannot be compiled and run on virtual boards until this is mended.")
    return parts
