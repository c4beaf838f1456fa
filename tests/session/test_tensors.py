"""Tensors: every dtype there and back, views, freeing, shortage."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import numpy as np
import pytest

from tests.session.sources import ARITHMETIC
from utvm.errors import OutOfDeviceMemory, OutOfMemoryError, UsageError
from utvm.session.session import Session
from utvm.session.tensor import DTYPES


@pytest.fixture(scope="module", name="session")
def open_session() -> Iterator[Session]:
    with Session("stm32f746-disco") as opened:
        yield opened


def heap_bytes(session: Session) -> int:
    session.heap.collect()
    return sum(block.size_bytes for block in session.memory.blocks() if block.kind == "heap")


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_there_and_back(session: Session, dtype: str) -> None:
    values = np.random.default_rng(3).integers(0, 256, (3, 5, 8), np.uint8).view(dtype)
    tensor = session.tensor(values)
    assert (tensor.shape, tensor.dtype, tensor.size_bytes) == (values.shape, dtype, values.nbytes)
    assert tensor.numpy().tobytes() == values.tobytes()
    assert tensor.addr % 16 == 0


def test_arrays_of_any_layout_and_byte_order(session: Session) -> None:
    values = np.arange(12, dtype=">i4").reshape(3, 4).T
    assert np.array_equal(session.tensor(values).numpy(), values)
    assert session.tensor(np.array(7, np.int32)).numpy() == 7
    assert session.tensor((0, 4), "int16").numpy().shape == (0, 4)
    assert not session.tensor((100,), "float32").numpy().any()


def test_views_share_memory(session: Session) -> None:
    base = session.tensor(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    assert base[1].numpy().tolist() == base.numpy()[1].tolist()
    assert base[1, 0:2].numpy().tolist() == base.numpy()[1, 0:2].tolist()
    assert base[-1, 2, 3].numpy() == 23
    base[0, 1].write(np.full(4, -1, np.int16))
    assert base.numpy()[0, 1].tolist() == [-1] * 4
    assert base.view((4,), dtype="uint8", offset_bytes=2).numpy().tolist() == [1, 0, 2, 0]


@pytest.mark.parametrize(
    "index", [(slice(None), 0), slice(0, 2, 2), (0, 0, 0, 0), 2, -3, (0, 7)], ids=lambda index: str(index)
)
def test_views_that_are_not_contiguous_or_outside(session: Session, index: object) -> None:
    base = session.tensor((2, 3, 4), "int16")
    with pytest.raises(UsageError):
        base[index]  # type: ignore[index]
    with pytest.raises(UsageError, match="does not fit"):
        base.view((13,), dtype="int32")
    with pytest.raises(UsageError, match="aligned"):
        base.view((1,), dtype="int32", offset_bytes=2)


def test_what_no_tensor_can_be(session: Session) -> None:
    with pytest.raises(UsageError, match="cannot be of float64; choose one of int8, uint8"):
        session.tensor(np.zeros(3))
    with pytest.raises(UsageError, match="needs a dtype"):
        session.tensor((3,))
    with pytest.raises(UsageError, match="negative extent"):
        session.tensor((3, -1), "int8")
    with pytest.raises(UsageError, match=r"int8\[4\] cannot take int8\[5\]"):
        session.tensor((4,), "int8").write(np.zeros(5, np.int8))


def test_garbage_is_freed_but_not_what_views_and_queued_calls_need(session: Session) -> None:
    code = session.load(ARITHMETIC)
    before = heap_bytes(session)
    tensor = session.tensor((1000,), "int8")
    view = tensor[500:]
    assert heap_bytes(session) == before + 1000
    del tensor
    gc.collect()
    assert heap_bytes(session) == before + 1000
    code["add"](view, view, view, 500)
    del view
    gc.collect()
    assert heap_bytes(session) == before + 1000
    session.sync()
    gc.collect()
    assert heap_bytes(session) == before
    code.unload()


def test_memory_is_used_again_and_again(session: Session) -> None:
    for round_number in range(50):
        tensor = session.tensor(np.full(100_000, round_number, np.uint8))
        assert tensor.numpy()[-1] == round_number


def test_a_shortage_names_sizes_and_holders(session: Session) -> None:
    kept = session.tensor((200_000,), "int8")
    with pytest.raises(OutOfDeviceMemory) as caught:
        session.tensor((150_000,), "int8")
    assert isinstance(caught.value, OutOfMemoryError)
    text = str(caught.value)
    assert "no room for tensor int8[150000] of 150,000 bytes" in text
    assert f"held by tensor int8[{kept.size_bytes}] 200,000" in text
    assert session.tensor((10,), "int8").numpy().tolist() == [0] * 10
