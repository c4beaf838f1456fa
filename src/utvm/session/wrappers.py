"""Task entry points for plain C functions: `int32_t name(void **args)` around any parameters of words and scalars."""

from __future__ import annotations

from collections.abc import Iterable

from utvm.session.signatures import CType, Signature

SUFFIX = "__utvm_task"


def slots(ctype: CType, word_bytes: int) -> int:
    """Words of the argument array that a value takes."""
    return -(-ctype.size_bytes // word_bytes)


def can_wrap(signature: Signature) -> bool:
    """Whether a wrapper can be made: neither variadic nor with structures by value."""
    types = [parameter.ctype for parameter in signature.parameters]
    if signature.result is not None:
        types.append(signature.result)
    return not signature.variadic and all(ctype.kind != "unsupported" for ctype in types)


def wrapper_source(signatures: Iterable[Signature], word_bytes: int) -> str:
    """C text with a task entry point per function. A value that is returned goes behind the arguments.

    Each function is declared anew, with types that are passed as its own are.
    """
    lines = ["#include <stdint.h>"]
    for signature in signatures:
        lines += ["", *_wrapper(signature, word_bytes)]
    return "\n".join(lines) + "\n"


def _wrapper(signature: Signature, word_bytes: int) -> list[str]:
    types = [parameter.ctype for parameter in signature.parameters]
    result = "void" if signature.result is None else _c_type(signature.result)
    name = f"{signature.name}{SUFFIX}"
    lines = [
        f"{result} {signature.name}({', '.join(map(_c_type, types)) or 'void'});",
        f"int32_t {name}(void **args);",
        f"int32_t {name}(void **args) {{",
        "    (void)args;",
    ]
    slot = 0
    for index, ctype in enumerate(types):
        lines.append(f"    {_c_type(ctype)} p{index};")
        lines.append(f"    __builtin_memcpy(&p{index}, &args[{slot}], sizeof p{index});")
        slot += slots(ctype, word_bytes)
    call = f"{signature.name}({', '.join(f'p{index}' for index in range(len(types)))})"
    if signature.result is None:
        lines += [f"    {call};", "    return 0;"]
    elif signature.returns_status:
        lines.append(f"    return {call};")
    else:
        lines += [
            f"    {result} value = {call};",
            f"    __builtin_memcpy(&args[{slot}], &value, sizeof value);",
            "    return 0;",
        ]
    return [*lines, "}"]


def _c_type(ctype: CType) -> str:
    if ctype.kind == "pointer":
        return "void *"
    if ctype.kind == "float":
        return {4: "float", 8: "double"}[ctype.size_bytes]
    return f"{ctype.dtype}_t"
