"""The runtime on every emulated core: start-up, answers, cycles, stack mark and faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.emulated import EmulatedImage
from tests.toolchain.images import BOARDS_AND_COMPILERS, build_tiny_image
from utvm.boards import board_names, load_board
from utvm.boards.loader import parse_board
from utvm.runtime import FAULT_RECORD_BYTES, FaultRecord, decode_fault, stack_used_bytes
from utvm.toolchain import Image, build_image, find_compiler

INPUT = (10, 2, 3, 4, *[0] * 60)
SUM = 3 * 10 - 5 * 2 + 7 * 3 + 11 * 4
SYSTICK_PERIOD = 1 << 24


@pytest.fixture(params=BOARDS_AND_COMPILERS, scope="module", name="built")
def built_image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Image]:
    board_name, kind = request.param
    return board_name, build_tiny_image(board_name, kind, tmp_path_factory.mktemp("image"))


@pytest.fixture(name="device")
def fresh_device(built: tuple[str, Image]) -> EmulatedImage:
    board_name, image = built
    device = EmulatedImage(load_board(board_name), image)
    assert device.run_to_stop() == "UTVMMain"
    device.write("tiny_input", "64b", *INPUT)
    return device


def fault_of(device: EmulatedImage) -> FaultRecord | None:
    return decode_fault(bytes(device.read("utvm_fault", f"{FAULT_RECORD_BYTES}B")))


def test_answers_run_after_run(device: EmulatedImage) -> None:
    quotient = (10 << 40) // 17 >> 32
    for run in (1, 2, 3):
        assert device.run_to_stop() == "UTVMDone"
        # The last number counts runs from initialised data (100) and from zeroed data.
        assert device.read("tiny_output", "4i") == (SUM, quotient, SUM // 2, 100 + 2 * run)
        assert device.read("utvm_status", "i") == (17,)
        assert device.run_to_stop() == "UTVMMain"
    assert fault_of(device) is None


def test_cycles_of_layers_and_of_the_run(device: EmulatedImage) -> None:
    before = device.machine.cycles
    assert device.run_to_stop() == "UTVMDone"
    seen_from_outside = device.machine.cycles - before
    (total,) = device.read("utvm_total_cycles", "Q")
    first, second, empty = device.read("utvm_layer_cycles", "3Q")
    assert 64 < second < first < 1000
    assert empty == 0
    assert first + second < total < seen_from_outside
    # Three pairs of hooks, and what UTVMMain does besides.
    assert seen_from_outside - total < 600


def test_the_clock_outlasts_the_24_bits_of_systick(device: EmulatedImage) -> None:
    assert device.run_to_stop() == "UTVMDone"
    (_, short, _) = device.read("utvm_layer_cycles", "3Q")
    assert device.run_to_stop() == "UTVMMain"
    loops = 6_000_000
    device.write("tiny_loops", "I", loops)
    before = device.machine.cycles
    assert device.run_to_stop() == "UTVMDone"
    seen_from_outside = device.machine.cycles - before
    (total,) = device.read("utvm_total_cycles", "Q")
    (_, long, _) = device.read("utvm_layer_cycles", "3Q")
    assert total > 2 * SYSTICK_PERIOD
    assert 0 < seen_from_outside - total < 600
    # The layer's time is proportional to its loops; its SysTick interrupts add a few hundred cycles at most.
    per_loop = (long - short) / (loops - 10)
    assert per_loop == pytest.approx(short / 10, rel=0.2)


def test_the_stack_mark_follows_the_deepest_call(device: EmulatedImage) -> None:
    assert device.run_to_stop() == "UTVMDone"
    shallow = stack_used_bytes(device.read_bytes("utvm_stack_bottom", "utvm_stack_top"))
    assert 64 <= shallow <= 512
    device.write("tiny_stack_words", "I", 16 + 4 * 20)
    assert device.run_to_stop() == "UTVMMain"
    assert device.run_to_stop() == "UTVMDone"
    deep = stack_used_bytes(device.read_bytes("utvm_stack_bottom", "utvm_stack_top"))
    # Twenty more calls, of four words and a return address or more each.
    assert shallow + 20 * 20 <= deep <= shallow + 20 * 64


def test_a_stack_overflow_is_a_fault_and_not_silence(device: EmulatedImage) -> None:
    device.write("tiny_stack_words", "I", 100_000)
    assert device.run_to_stop() == "UTVMFault"
    fault = fault_of(device)
    assert fault is not None
    assert fault.registers["sp"] <= device.elf.symbol("utvm_stack_bottom").addr + 64


FAULTY = """
#include <stdint.h>
#include "utvm_standalone.h"
volatile uint32_t *volatile where = (volatile uint32_t *)0x60000000;
int32_t utvm_model_run(void) { *where = 5; return 0; }
"""


@pytest.mark.parametrize("board_name", board_names("virtual"))
def test_a_wild_pointer_is_recorded(board_name: str, tmp_path: Path) -> None:
    board = load_board(board_name)
    source = tmp_path / "faulty.c"
    source.write_text(FAULTY, encoding="utf-8")
    compiler = find_compiler(board)
    device = EmulatedImage(board, build_image(board, compiler, [source], [], tmp_path))
    assert device.run_to_stop() == "UTVMMain"
    assert device.run_to_stop() == "UTVMFault"
    fault = fault_of(device)
    assert fault is not None
    model = device.elf.symbol("utvm_model_run")
    assert model.addr <= fault.registers["pc"] < model.addr + model.size_bytes
    if board.core.name == "cortex-m0plus":
        assert fault.exception == "HardFault"
    else:
        assert fault.exception == "BusFault"
        assert fault.fault_addr == 0x60000000
        assert "without memory" in str(fault)


def test_code_and_constants_copied_to_ram_run_there(tmp_path: Path) -> None:
    data = Path(__file__).parents[2] / "src" / "utvm" / "boards" / "data" / "stm32f746-disco.toml"
    text = data.read_text(encoding="utf-8")
    text = text.replace('code = "flash"', 'code = "itcm"').replace('constants = "flash"', 'constants = "sram1"')
    board = parse_board(text, "in-ram.toml")
    model = Path(__file__).parent / "tiny_model.c"
    define = 'ARENA_SECTION=".utvm_arena.dtcm"'
    image = build_image(board, find_compiler(board), [model], [], tmp_path, [define])
    device = EmulatedImage(load_board("stm32f746-disco"), image)
    assert device.run_to_stop() == "UTVMMain"
    device.write("tiny_input", "64b", *INPUT)
    assert device.run_to_stop() == "UTVMDone"
    assert device.read("tiny_output", "i") == (SUM,)
