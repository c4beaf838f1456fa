"""Fault status in words."""

from __future__ import annotations

import pytest

from utvm.transports import decode_fault
from utvm.transports.faults import CFSR_BITS, HFSR_BITS


@pytest.mark.parametrize(("bit", "text"), CFSR_BITS.items())
def test_every_status_bit_has_its_words(bit: int, text: str) -> None:
    assert decode_fault(1 << bit, 0) == [text]


@pytest.mark.parametrize(("bit", "text"), HFSR_BITS.items())
def test_every_hardfault_bit_has_its_words(bit: int, text: str) -> None:
    assert decode_fault(0, 1 << bit) == [text]


def test_addresses_are_given_only_when_they_are_valid() -> None:
    assert "at 0x60000000" in decode_fault(1 << 9 | 1 << 15, 0, bfar=0x6000_0000)[0]
    assert "at 0x" not in decode_fault(1 << 9, 0, bfar=0x6000_0000)[0]
    assert "at 0x00000010" in decode_fault(1 << 1 | 1 << 7, 0, mmfar=0x10)[0]


def test_no_status_is_no_cause() -> None:
    assert decode_fault(0, 0) == []
