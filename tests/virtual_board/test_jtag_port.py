"""TAPs, debug port and access port, one scan at a time."""

from __future__ import annotations

import pytest

from tests.virtual_board.jtag_client import (
    APACC,
    BD0,
    BYTES_PACKED,
    CSW,
    CTRL_STAT,
    DPACC,
    DRW,
    HALFWORDS_PACKED,
    POWER_UP,
    RDBUFF,
    SELECT,
    STICKYERR,
    TAR,
    WORDS_AUTO_INCREMENT,
    JtagClient,
)
from utvm.boards import load_board
from utvm.errors import VirtualBoardError
from utvm.virtual_board.jtag import JtagDoor
from utvm.virtual_board.machine import Machine

DTCM, NOWHERE = 0x2000_0000, 0x6000_0000


@pytest.fixture(scope="module")
def door() -> JtagDoor:
    return JtagDoor(Machine(load_board("stm32f746-disco")))


@pytest.fixture
def jtag(door: JtagDoor) -> JtagClient:
    client = JtagClient(door.port.feed)
    client.reset()
    client.write_dp(CTRL_STAT, POWER_UP | STICKYERR)
    return client


def test_both_taps_show_their_idcodes_after_reset(jtag: JtagClient) -> None:
    jtag.reset()
    assert jtag.scan_dr(0, 64) == 0x0644_9041 << 32 | 0x5BA0_0477


def test_capture_ir_marks_where_each_tap_begins(jtag: JtagClient) -> None:
    assert jtag.scan_ir(0x1FF) == 0x11


def test_bypassed_taps_are_one_bit_each(jtag: JtagClient) -> None:
    jtag.scan_ir(0x1FF)
    assert jtag.scan_dr(0b1011, 6) == 0b101100


def test_trst_brings_the_idcodes_back(jtag: JtagClient) -> None:
    jtag.scan_ir(0x1FF)
    jtag.exchange(b"tr")
    jtag.go(0)
    assert jtag.scan_dr(0, 32) == 0x5BA0_0477


def test_a_scan_may_pause(jtag: JtagClient) -> None:
    jtag.reset()
    jtag.go(1, 0, 0)
    low = jtag.shift(0, 16)
    jtag.go(0, 0, 1, 0)
    assert jtag.shift(0, 16) << 16 | low == 0x5BA0_0477


def test_power_requests_are_granted(jtag: JtagClient) -> None:
    assert jtag.read_dp(CTRL_STAT) == 0xF000_0000


def test_every_scan_is_acknowledged(jtag: JtagClient) -> None:
    assert jtag.access(DPACC, CTRL_STAT, None)[1] == 2
    assert jtag.access(APACC, CSW, None)[1] == 2


def test_select_reads_back(jtag: JtagClient) -> None:
    jtag.write_dp(SELECT, 0xF0)
    assert jtag.read_dp(SELECT) == 0xF0


def test_the_access_port_identifies_itself(jtag: JtagClient) -> None:
    assert jtag.read_ap(0xFC) == 0x7477_0001
    assert jtag.read_ap(0xF4) == 0
    assert jtag.read_ap(0xF8) == 0xE00F_F003


def test_there_is_no_second_access_port(jtag: JtagClient) -> None:
    jtag.write_dp(SELECT, 0x0100_00F0)
    jtag.access(APACC, 0xC, None)
    assert jtag.access(DPACC, RDBUFF, None)[0] == 0


def test_csw_keeps_what_is_written_and_shows_the_port_enabled(jtag: JtagClient) -> None:
    jtag.write_ap(CSW, 0x2300_0012)
    assert jtag.read_ap(CSW) == 0x2300_0052


def test_words_are_written_and_read_in_sequence(jtag: JtagClient) -> None:
    jtag.write_ap(CSW, WORDS_AUTO_INCREMENT)
    jtag.write_ap(TAR, DTCM)
    for word in (0x1111_2222, 0x3333_4444):
        jtag.write_ap(DRW, word)
    assert jtag.read_ap(TAR) == DTCM + 8
    jtag.write_ap(TAR, DTCM)
    assert [jtag.read_ap(DRW), jtag.read_ap(DRW)] == [0x1111_2222, 0x3333_4444]


def test_reads_are_posted(jtag: JtagClient) -> None:
    jtag.write_word(DTCM, 1)
    jtag.write_word(DTCM + 4, 2)
    jtag.write_ap(CSW, WORDS_AUTO_INCREMENT)
    jtag.write_ap(TAR, DTCM)
    jtag.access(APACC, DRW, None)
    assert jtag.access(APACC, DRW, None)[0] == 1
    assert jtag.access(DPACC, RDBUFF, None)[0] == 2


def test_the_address_counts_within_a_kilobyte(jtag: JtagClient) -> None:
    jtag.write_ap(CSW, WORDS_AUTO_INCREMENT)
    jtag.write_ap(TAR, DTCM + 0x3FC)
    jtag.write_ap(DRW, 0)
    assert jtag.read_ap(TAR) == DTCM


@pytest.mark.parametrize("mode", [BYTES_PACKED, HALFWORDS_PACKED])
def test_packed_transfers_fill_a_word(jtag: JtagClient, mode: int) -> None:
    jtag.write_ap(CSW, mode)
    jtag.write_ap(TAR, DTCM + 0x20)
    jtag.write_ap(DRW, 0x4433_2211)
    assert jtag.read_ap(TAR) == DTCM + 0x24
    jtag.write_ap(TAR, DTCM + 0x20)
    assert jtag.read_ap(DRW) == 0x4433_2211
    assert jtag.read_word(DTCM + 0x20) == 0x4433_2211


@pytest.mark.parametrize("lane", range(4))
def test_a_byte_uses_its_lane(jtag: JtagClient, lane: int) -> None:
    jtag.write_word(DTCM + 0x30, 0xAAAA_AAAA)
    jtag.write_ap(CSW, 0x00)
    jtag.write_ap(TAR, DTCM + 0x30 + lane)
    jtag.write_ap(DRW, 0x5500_0000 >> 8 * (3 - lane))
    assert jtag.read_word(DTCM + 0x30) == 0xAAAA_AAAA & ~(0xFF << 8 * lane) | 0x55 << 8 * lane


def test_banked_data_registers_are_the_four_words_around_tar(jtag: JtagClient) -> None:
    jtag.write_ap(TAR, DTCM + 0x48)
    for number in range(4):
        jtag.write_ap(BD0 + 4 * number, 100 + number)
    assert [jtag.read_word(DTCM + 0x40 + 4 * number) for number in range(4)] == [100, 101, 102, 103]
    jtag.write_ap(TAR, DTCM + 0x40)
    assert jtag.read_ap(BD0 + 8) == 102


@pytest.mark.parametrize("addr", [NOWHERE, DTCM + 2])
def test_a_failed_access_sticks_until_cleared(jtag: JtagClient, addr: int) -> None:
    jtag.write_word(DTCM, 77)
    assert jtag.read_word(addr) == 0
    assert jtag.read_dp(CTRL_STAT) & STICKYERR
    assert jtag.read_word(DTCM) == 0, "the access port is deaf meanwhile"
    jtag.write_dp(CTRL_STAT, POWER_UP | STICKYERR)
    assert not jtag.read_dp(CTRL_STAT) & STICKYERR
    assert jtag.read_word(DTCM) == 77


def test_flash_cannot_be_written_while_it_is_locked(jtag: JtagClient) -> None:
    jtag.write_word(0x0800_0000, 0)
    assert jtag.read_dp(CTRL_STAT) & STICKYERR
    jtag.write_dp(CTRL_STAT, POWER_UP | STICKYERR)
    assert jtag.read_word(0x0800_0000) == 0xFFFF_FFFF


def test_lights_and_line_ends_are_ignored_and_anything_else_is_refused(door: JtagDoor) -> None:
    assert door.port.feed(b"BbBb\n") == b""
    with pytest.raises(VirtualBoardError, match="remote_bitbang"):
        door.port.feed(b"GET / HTTP/1.1\r\n")
