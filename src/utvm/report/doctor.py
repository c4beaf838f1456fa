"""What of µTVM's needs this installation meets: Python, pinned packages, tools."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import subprocess
import sys
from dataclasses import dataclass

from utvm.toolchain.doctor import Finding, examine

_PIN = re.compile(r"^([A-Za-z0-9._-]+)\s*==\s*([^\s;,]+)\s*(?:;(.*))?$")
_WHY_PINNED = {
    "apache-tvm-ffi": "TVM's own metadata lets pip choose a newer one, with which TVM crashes",
}
_PROBE = "import tvm; tvm.ir.save_json(tvm.ir.GlobalVar('probe'))"
_PROBE_TIMEOUT_S = 120.0

CROSS_COMPILERS = ("arm-none-eabi-gcc", "zig (ziglang wheel)")
NATIVE_HOOK = "native hook"


@dataclass(frozen=True)
class PackageFinding:
    """A pinned package: the version installed (None: not at all), the one wanted, and why it matters."""

    name: str
    installed: str | None
    wanted: str
    why: str

    @property
    def fits(self) -> bool:
        """Whether it is there in the wanted version."""
        return self.installed == self.wanted


@dataclass(frozen=True)
class DoctorReport:
    """All findings; `problems` are those that keep models from being compiled and run on a virtual board."""

    python: str
    platform: str
    utvm: str
    packages: tuple[PackageFinding, ...]
    tools: tuple[Finding, ...]
    problems: tuple[str, ...]

    @property
    def works(self) -> bool:
        """Whether a model can be compiled and run on a virtual board."""
        return not self.problems


def doctor_report() -> DoctorReport:
    """Look at this installation; tries TVM in a process of its own, because a wrong ffi package crashes it."""
    return judge(tuple(pinned_packages()), tuple(examine()), _tvm_problem())


def judge(packages: tuple[PackageFinding, ...], tools: tuple[Finding, ...], tvm_problem: str | None) -> DoctorReport:
    """The report from what was found."""
    problems = []
    for package in packages:
        if not package.fits:
            have = f"{package.installed} is installed" if package.installed else "it is not installed"
            problems.append(
                f"{package.name} must be {package.wanted}, but {have}"
                f"{f' ({package.why})' if package.why else ''}; run `pip install {package.name}=={package.wanted}`"
            )
    if tvm_problem is not None:
        problems.append(tvm_problem)
    found = {tool.name for tool in tools if tool.found}
    if not found & set(CROSS_COMPILERS):
        problems.append("no C compiler for boards was found; run `pip install ziglang`, or install arm-none-eabi-gcc")
    if NATIVE_HOOK not in found:
        problems.append("no C compiler for this machine was found, which the virtual board needs once; install gcc")
    return DoctorReport(
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        utvm=importlib.metadata.version("utvm"),
        packages=packages,
        tools=tools,
        problems=tuple(problems),
    )


def pinned_packages() -> list[PackageFinding]:
    """The packages that utvm's metadata pins to one version, and what is installed of them."""
    findings = []
    for requirement in importlib.metadata.requires("utvm") or []:
        match = _PIN.match(requirement)
        if match is None or "extra" in (match.group(3) or ""):
            continue
        name, wanted = match.group(1), match.group(2)
        try:
            installed: str | None = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed = None
        findings.append(PackageFinding(name, installed, wanted, _WHY_PINNED.get(name, "")))
    return findings


def _tvm_problem() -> str | None:
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, errors="replace",
            timeout=_PROBE_TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"TVM could not be tried: {error}"
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        return f"TVM crashes (signal {-done.returncode}): is apache-tvm-ffi the pinned version?"
    last = done.stderr.strip().splitlines()[-1:] or ["no message"]
    return f"TVM cannot be imported: {last[0]}; install utvm again"
