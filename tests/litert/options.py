"""Writing an operator's options table by the field names of the .tflite schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
import tflite

# Operators whose table is not called after them; None: they have no options.
_TABLES: dict[str, str | None] = {
    "ARG_MAX": "ArgMaxOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "L2_POOL_2D": "Pool2DOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "REDUCE_PROD": "ReducerOptions",
    "SUM": "ReducerOptions",
}

# Fields whose values are names of an enumeration.
_ENUMERATIONS = {
    "FusedActivationFunction": "ActivationFunctionType",
    "InDataType": "TensorType",
    "Mode": "MirrorPadMode",
    "OutDataType": "TensorType",
    "OutputType": "TensorType",
    "Padding": "Padding",
    "QuantizedBiasType": "TensorType",
    "WeightsFormat": "FullyConnectedOptionsWeightsFormat",
}

_STRINGS = ("Container", "SharedName")


@dataclass(frozen=True)
class WrittenOptions:
    """Where an options table went: its number in the BuiltinOptions union and its offset."""

    union_type: int
    offset: int


def _table_of(operator: str) -> str | None:
    if operator in _TABLES:
        return _TABLES[operator]
    wanted = operator.replace("_", "").lower() + "options"
    return next((name for name in vars(tflite.BuiltinOptions) if name.lower() == wanted), None)


def _value(field: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if field not in _ENUMERATIONS:
        raise ValueError(f"option {field} takes a number, not the name {value!r}")
    names = vars(getattr(tflite, _ENUMERATIONS[field]))
    if value.startswith("_") or value not in names:
        choices = ", ".join(name for name in names if not name.startswith("_"))
        raise ValueError(f"option {field} has no value {value!r}; choose one of {choices}")
    return names[value]


def _is_vector(table: str, field: str) -> bool:
    return field in _STRINGS or hasattr(tflite, f"{table}Start{field}Vector")


def _vector(buffer: flatbuffers.Builder, value: Any) -> int:
    if isinstance(value, str):
        return int(buffer.CreateString(value))
    return int(buffer.CreateNumpyVector(np.asarray(value, dtype=np.int32)))


def write_options(buffer: flatbuffers.Builder, operator: str, options: Mapping[str, Any]) -> WrittenOptions | None:
    """Write `options` as the table that `operator` has in the schema; None if it has no table.

    Keys are field names (`StrideH`), values numbers, booleans, lists of int32, names of an enumeration
    (`Padding="SAME"`) or strings (`SharedName`). Fields left out keep the schema's default. Raises ValueError on an
    unknown field or name.
    """
    table = _table_of(operator)
    if table is None:
        if options:
            raise ValueError(f"{operator} has no options in the schema, got {', '.join(options)}")
        return None
    prefix = f"{table}Add"
    fields = [name.removeprefix(prefix) for name in vars(tflite) if name.startswith(prefix)]
    unknown = sorted(set(options) - set(fields))
    if unknown:
        raise ValueError(f"{table} has no field {', '.join(unknown)}; it has {', '.join(fields) or 'none'}")

    # Vectors are written before the table that points at them is opened.
    values = {
        field: _vector(buffer, value) if _is_vector(table, field) else _value(field, value)
        for field, value in options.items()
    }
    getattr(tflite, f"{table}Start")(buffer)
    for field, value in values.items():
        getattr(tflite, prefix + field)(buffer, value)
    return WrittenOptions(getattr(tflite.BuiltinOptions, table), getattr(tflite, f"{table}End")(buffer))
