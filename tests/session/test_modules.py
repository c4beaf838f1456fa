"""Modules: sources of every kind, several together, unloading, errors of compiler and linker in the user's terms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.session.sources import ARITHMETIC
from utvm.boards import load_board
from utvm.errors import OutOfDeviceMemory, ToolchainError, UsageError
from utvm.session.session import Session

F746 = load_board("stm32f746-disco")
COMPILERS = [pytest.param("gcc", marks=pytest.mark.arm_gcc), "zig"]


@pytest.fixture(scope="module", params=COMPILERS, name="session")
def open_session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with Session(F746, compiler=request.param) as opened:
        yield opened


def taken(session: Session) -> list[tuple[int, int]]:
    session.heap.collect()
    return [(block.addr, block.size_bytes) for block in session.memory.blocks()]


def test_files_and_text_and_their_headers(session: Session, tmp_path: Path) -> None:
    (tmp_path / "values.h").write_text("#define VALUE 41\n", encoding="utf-8")
    first, second = tmp_path / "first.c", tmp_path / "second.c"
    first.write_text(
        '#include "values.h"\nint helper(void);\nfloat f(void) { return VALUE + helper(); }\n', encoding="utf-8"
    )
    second.write_text("int helper(void) { return 1; }\n", encoding="utf-8")
    module = session.load([first, str(second)])
    assert module.name == "first"
    assert set(module.functions) == {"f", "helper"}
    assert module["f"]().result == 42.0
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "more.h").write_text("#define MORE 2\n", encoding="utf-8")
    text = '#include "more.h"\nfloat g(void) { return MORE * TIMES; }'
    assert session.load(text, include_dirs=[folder], flags=["-DTIMES=4"])["g"]().result == 8.0


def test_several_live_together_and_their_memory_is_used_again(session: Session) -> None:
    before = taken(session)
    modules = [session.load(f"float f(void) {{ return {number}; }}", name=f"m{number}") for number in range(5)]
    assert [module["f"]().result for module in modules] == [0.0, 1.0, 2.0, 3.0, 4.0]
    modules[1].unload()
    modules[3].unload()
    with pytest.raises(UsageError, match="module m1 was unloaded"):
        modules[1]["f"]()
    assert [modules[index]["f"]().result for index in (0, 2, 4)] == [0.0, 2.0, 4.0]
    again = session.load("float f(void) { return 9; }", name="m9")
    assert again["f"]().result == 9.0
    for module in session.modules:
        module.unload()
    assert [block for block in taken(session) if block not in before] == []


def test_loading_and_unloading_a_thousand_times_the_memory(session: Session) -> None:
    for number in range(8):
        module = session.load(f"static char room[100000]; float f(void) {{ return room[99999] + {number}; }}")
        assert module["f"]().result == float(number)
        module.unload()


def test_assembly_with_a_prototype(session: Session, tmp_path: Path) -> None:
    source = tmp_path / "twice.S"
    source.write_text(
        ".syntax unified\n.thumb\n.section .text.twice\n.global twice\n.type twice, %function\n"
        "twice:\n    adds r0, r0, r0\n    bx lr\n.size twice, . - twice\n",
        encoding="utf-8",
    )
    module = session.load(source, signatures={"twice": "uint32_t twice(uint32_t x);"})
    assert module["twice"](21).result == 42
    with pytest.raises(UsageError, match="does not declare other"):
        session.load("void other(void) {}", signatures={"other": "int another(int x)"})


def test_undefined_symbols_are_named_with_their_user(session: Session) -> None:
    with pytest.raises(ToolchainError, match=r"module m: nothing defines missing_one.*utvm_workspace_alloc"):
        session.load("int missing_one(void); int f(void) { return missing_one(); }", name="m")


def test_messages_of_the_compiler(session: Session) -> None:
    with pytest.raises(ToolchainError, match=r"cannot compile bad\.c(?s:.*)undeclared"):
        session.load("int f(void) { return nothing; }", name="bad")
    with pytest.raises(ToolchainError, match="there is no such source file"):
        session.load("missing_file.c")
    with pytest.raises(UsageError, match="at least one source"):
        session.load([])


def test_sixty_four_bit_division_and_floats_in_software(session: Session) -> None:
    code = session.load(ARITHMETIC)
    assert code["quotient"](-(10**17), 12345).result == -(10**17 // 12345)
    code.unload()


def test_a_module_larger_than_all_memory() -> None:
    with Session(F746) as session:
        before = taken(session)
        with pytest.raises(OutOfDeviceMemory, match=r"module big \(.*bss 400,000"):
            session.load("char room[400000]; char *f(void) { return room; }", name="big")
        assert taken(session) == before


def test_a_module_is_split_where_no_hole_holds_it_whole() -> None:
    with Session(F746) as session:
        source = (
            "const char table[150000] = {[149999] = 5}; char room[30000] = {1};"
            " uint32_t f(int i) { return (uint32_t)table[i] + (uint32_t)room[0]; }"
        )
        held = session.tensor((4_000,), "int8")
        module = session.load(f"#include <stdint.h>\n{source}")
        assert module["f"](149999).result == 6
        assert len({block.region for block in module.linked.blocks}) == 1
        module.unload()
        larger = session.load(f"#include <stdint.h>\n{source.replace('150000', '230000')}")
        assert larger["f"](149999).result == 6
        assert len({block.region for block in larger.linked.blocks}) > 1
        assert not held.numpy().any()


def test_code_in_another_memory_reaches_the_runtime() -> None:
    """Tightly coupled memory at 0 is farther away than a branch reaches: the linker adds veneers."""
    hosted = F746.hosted.model_copy(update={"code": ("sram2", "itcm")})
    board = F746.model_copy(update={"hosted": hosted})
    with Session(board) as session:
        filler = session.load("const char room[12300] = {1}; char f(int index) { return room[index]; }")
        code = session.load(ARITHMETIC)
        assert {block.region for block in code.linked.blocks} == {"itcm"}
        target = session.tensor((5,), "int8")
        code["copy"](target, session.tensor(np.arange(5, dtype=np.int8)))
        assert target.numpy().tolist() == [0, 1, 2, 3, 4]
        assert filler["f"](0).result == 1
