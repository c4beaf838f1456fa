"""Stages as a TIR function with one block each: the form that TVM's schedules transform."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from utvm.schedules.metaschedule.expressions import Expression, is_load_of, replaced
from utvm.schedules.metaschedule.stages import Axis, Stage


def block_names(stages: Sequence[Stage]) -> tuple[str, ...]:
    """The name of each stage's block."""
    return tuple(f"{index}_{stage.name}" for index, stage in enumerate(stages))


def blocked(name: str, parameters: Sequence[Any], stages: Sequence[Stage]) -> Any:
    """The PrimFunc; its parameters are those given, which the stages read and write."""
    from tvm.script.ir_builder import IRBuilder
    from tvm.script.ir_builder import tirx as script

    with IRBuilder() as frames, script.prim_func(s_tir=True):
        script.func_name(name)
        buffers = {
            parameter: script.arg(parameter.name, script.buffer(parameter.shape, parameter.dtype))
            for parameter in parameters
        }
        with script.sblock("root"):
            script.reads()
            script.writes()
            for stage in stages:
                if stage.is_local:
                    shape = tuple(axis.extent for axis in stage.axes) or (1,)
                    buffers[stage.target] = script.sblock_alloc_buffer(shape, stage.target.dtype)
                    IRBuilder.name(stage.name, buffers[stage.target])
            writer = _BlockWriter(script, IRBuilder, buffers, {s.target: s.axes for s in stages if s.is_local})
            for block, stage in zip(block_names(stages), stages, strict=True):
                writer.write(block, stage)
    return frames.get()


class _BlockWriter:
    def __init__(self, script: Any, builder: Any, buffers: dict[Any, Any], spaces: dict[Any, tuple[Axis, ...]]) -> None:
        self._script = script
        self._builder = builder
        self._buffers = buffers
        self._spaces = spaces

    def write(self, name: str, stage: Stage) -> None:
        """The stage's loops with its block inside."""
        script = self._script
        with ExitStack() as stack:
            loops = {}
            for axis in (*stage.axes, *stage.reduced):
                loops[axis] = stack.enter_context(script.serial(0, axis.extent))
                self._builder.name(str(axis.variable.name), loops[axis])
            stack.enter_context(script.sblock(name))
            places = {}
            for axis in (*stage.axes, *stage.reduced):
                kind = script.axis.spatial if axis in stage.axes else script.axis.reduce
                places[axis.variable] = kind(axis.extent, loops[axis])
                self._builder.name(f"{axis.variable.name}_", places[axis.variable])
            if stage.first is not None:
                with script.init():
                    self._store(stage, stage.first, places)
            for axis in (*stage.axes, *stage.reduced):
                if axis.guard is not None:
                    stack.enter_context(script.If(self._value(axis.guard, places)))
                    stack.enter_context(script.Then())
            self._store(stage, stage.value, places)

    def _store(self, stage: Stage, value: Expression, places: dict[Any, Any]) -> None:
        indices = [self._value(index, places) for index in stage.indices] or self._element(stage.target, places)
        self._script.buffer_store(self._buffers[stage.target], self._value(value, places), indices)

    def _value(self, expression: Expression, places: dict[Any, Any]) -> Expression:
        def moved(e: Expression) -> Expression | None:
            kind = type(e).__name__
            if kind == "Var":
                return places.get(e)
            if kind != "TensorLoad":
                return None
            local = next((target for target in self._spaces if is_load_of(e, target)), None)
            indices = (
                [self._value(index, places) for index in e.indices] if local is None else self._element(local, places)
            )
            return self._buffers[e.source][tuple(indices)]

        return replaced(expression, moved)

    def _element(self, local: Any, places: dict[Any, Any]) -> list[Expression]:
        return [places[axis.variable] for axis in self._spaces[local]] or [0]
