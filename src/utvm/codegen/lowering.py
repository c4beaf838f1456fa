"""TIR passes that turn a portable kernel into flat, simplified loops ready to be printed as C."""

from __future__ import annotations

from typing import Any

from utvm.errors import CodegenError


def lower(function: Any, name: str) -> Any:
    """The PrimFunc with one-dimensional buffers and simplified indices. `name` stands in errors."""
    import tvm
    from tvm import tirx

    target = tvm.target.Target({"kind": "c"})
    module = tvm.IRModule({"main": function.with_attr("global_symbol", "main").with_attr("target", target)})
    passes = (
        tirx.transform.FlattenBuffer(),
        tirx.transform.StmtSimplify(),
        tirx.transform.RemoveNoOp(),
        tirx.transform.LowerIntrin(),
    )
    try:
        for transform in passes:
            module = transform(module)
    except tvm.error.InternalError as error:
        raise CodegenError(f"kernel {name}: TVM could not lower it: {error}") from error
    return module["main"]
