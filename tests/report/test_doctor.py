"""What the doctor calls a problem, and what only a cost."""

from __future__ import annotations

import dataclasses
import io

from rich.console import Console

from utvm.report.doctor import DoctorReport, PackageFinding, judge, pinned_packages
from utvm.report.json import doctor_json
from utvm.report.text.doctor import doctor_text
from utvm.toolchain.doctor import Finding

PACKAGES = (
    PackageFinding("apache-tvm", "0.27.0.post1", "0.27.0.post1", ""),
    PackageFinding("apache-tvm-ffi", "0.1.14.post1", "0.1.14.post1", "a newer one crashes"),
)
NAMES = ("arm-none-eabi-gcc", "zig (ziglang wheel)", "native hook", "gdb-multiarch")
TOOLS = tuple(Finding(name, f"/bin/{name}", "1.0", "for it", "costs that", "install it") for name in NAMES)


def _without(*names: str) -> tuple[Finding, ...]:
    return tuple(dataclasses.replace(tool, path=None) if tool.name in names else tool for tool in TOOLS)


def _text(report: DoctorReport) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=200, markup=False)
    for part in doctor_text(report):
        console.print(part)
    return stream.getvalue()


def test_all_is_well() -> None:
    report = judge(PACKAGES, TOOLS, None)
    assert report.works
    text = _text(report)
    assert "missing" not in text
    assert "Try: utvm demo" in text


def test_a_missing_tool_that_only_costs() -> None:
    report = judge(PACKAGES, _without("arm-none-eabi-gcc", "gdb-multiarch"), None)
    assert report.works
    text = _text(report)
    assert "missing" in text and "costs that" in text and "install it" in text


def test_no_compiler_at_all() -> None:
    report = judge(PACKAGES, _without("arm-none-eabi-gcc", "zig (ziglang wheel)"), None)
    assert not report.works
    assert "no C compiler for boards was found" in report.problems[0]
    assert not judge(PACKAGES, _without("native hook"), None).works


def test_the_trap_of_the_pins() -> None:
    newer = dataclasses.replace(PACKAGES[1], installed="0.1.15")
    report = judge((PACKAGES[0], newer), TOOLS, None)
    assert not report.works
    (problem,) = report.problems
    assert "must be 0.1.14.post1, but 0.1.15 is installed (a newer one crashes)" in problem
    assert "pip install apache-tvm-ffi==0.1.14.post1" in problem
    assert "NOT the pinned version" in _text(report)
    absent = judge((dataclasses.replace(PACKAGES[0], installed=None), PACKAGES[1]), TOOLS, None)
    assert "it is not installed" in absent.problems[0]
    assert doctor_json(absent)["works"] is False


def test_a_tvm_that_crashes() -> None:
    assert judge(PACKAGES, TOOLS, "TVM crashes (signal 11)").problems == ("TVM crashes (signal 11)",)


def test_the_pins_come_from_the_package_itself() -> None:
    pins = {package.name: package for package in pinned_packages()}
    assert {"apache-tvm", "apache-tvm-ffi", "unicorn", "ziglang"} <= set(pins)
    assert "ruff" not in pins  # an extra
    assert all(package.fits for package in pins.values())
