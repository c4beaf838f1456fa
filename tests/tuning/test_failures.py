"""Candidates that go wrong are classified, and never the best."""

# ruff: noqa: ARG002 - templates take what the contract gives

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.tuning.conftest import Tune, records_of, use_templates
from utvm.errors import CodegenError
from utvm.model import Model
from utvm.model.operator_types import Conv2D
from utvm.operators.kernel import AnyKernel, CKernel, KernelArgument
from utvm.schedules import PORTABLE, Schedule, Site, Template
from utvm.schedules.portable import Portable


class _Spoiled(Template):
    """As fast as no other, and of no use."""

    def refusal(self, site: Site) -> str:
        return "" if isinstance(site.operator, Conv2D) else "no convolution"

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        return 1e12

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        return 0


def _doing(site: Site, statement: str) -> CKernel:
    return CKernel(
        stem="spoiled",
        body=f"(void)input;\n{statement}\noutput[0] = 0;",
        types=("const int8_t", "int8_t"),
        arguments=(
            KernelArgument("input", "tensor", site.inputs[0].name),
            KernelArgument("output", "tensor", site.outputs[0].name, written=True),
        ),
        comments=(),
    )


class _Wrong(_Spoiled):
    name = "wrong"

    def kernel(self, site: Site, schedule: Schedule) -> AnyKernel:
        operator = site.operator
        assert isinstance(operator, Conv2D)
        shifted = replace(operator, output_zero_point=operator.output_zero_point + 1)
        return Portable().kernel(replace(site, operator=shifted), schedule)


class _Refused(_Spoiled):
    name = "refused"

    def kernel(self, site: Site, schedule: Schedule) -> AnyKernel:
        raise CodegenError("there is no such kernel")


class _NoC(_Spoiled):
    name = "no_c"

    def kernel(self, site: Site, schedule: Schedule) -> AnyKernel:
        return _doing(site, "this is no C;")


class _Faulty(_Spoiled):
    name = "faulty"

    def kernel(self, site: Site, schedule: Schedule) -> AnyKernel:
        return _doing(site, "*(volatile int32_t *)0xDEAD0000U = 1;")


class _Endless(_Spoiled):
    name = "endless"

    def kernel(self, site: Site, schedule: Schedule) -> AnyKernel:
        return _doing(site, "for (volatile int32_t count = 0; count >= 0;) {\n    count = 1;\n}")


class _Huge(_Spoiled):
    name = "huge"

    def kernel(self, site: Site, schedule: Schedule) -> AnyKernel:
        kernel = _doing(site, "(void)scratch;")
        scratch = KernelArgument("scratch", "scratch", size_bytes=1 << 20)
        return replace(kernel, types=(*kernel.types, "int8_t"), arguments=(*kernel.arguments, scratch))


@pytest.mark.parametrize(
    ("template", "kind"),
    [
        (_Wrong(), "wrong answer"),
        (_Refused(), "compile"),
        (_NoC(), "compile"),
        (_Faulty(), "fault"),
        (_Endless(), "too slow"),
        (_Huge(), "out of memory"),
    ],
    ids=lambda value: value.name if isinstance(value, Template) else "",
)
def test_a_failure_is_a_value_with_a_class(
    template: Template, kind: str, convolution: Model, tuned: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_templates(monkeypatch, [Portable(), template])
    file = tmp_path / "records.jsonl"
    result = tuned(convolution, file, timeout_s=2.0)
    (task,) = result.tasks
    assert task.failures == {kind: 1}
    assert task.best == PORTABLE and task.best_cycles is not None and task.best_cycles > 0
    failed = [record for record in records_of(file) if record.failure is not None]
    assert [(record.schedule.template, record.cycles) for record in failed] == [(template.name, None)]
    assert failed[0].failure is not None and failed[0].failure.kind == kind and failed[0].failure.message
    # Known failures are not tried again.
    again = tuned(convolution, file)
    assert (again.measured, again.tasks[0].reused, again.tasks[0].failures) == (0, 2, {kind: 1})


def test_what_does_not_end_is_given_up(
    convolution: Model, tuned: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clock, where there is nothing to compare cycles with."""
    use_templates(monkeypatch, [Portable(), _Endless()])
    (task,) = tuned(convolution, tmp_path / "records.jsonl", timeout_s=1.0, patience=1 << 30).tasks
    assert task.failures == {"timeout": 1} and task.best == PORTABLE
