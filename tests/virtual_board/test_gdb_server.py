"""The GDB server, byte by byte: framing, commands, interruption, clients that come and go."""

from __future__ import annotations

import random
import re
import socket
import time

import pytest

from tests.virtual_board.conftest import RawClient
from utvm.transports import VirtualBoardProcess
from utvm.virtual_board.gdb.packets import PacketReader, escape, frame, unescape

DTCM, FLASH = 0x2000_0000, 0x0800_0000


def test_escapes_are_undone() -> None:
    data = bytes(range(256)) * 4
    assert unescape(escape(data)) == data
    assert not set(escape(data)) & set(b"#$*")


def test_packets_are_found_however_the_stream_is_cut() -> None:
    stream = b"+noise$g#67\x03-$m0,4#fd$bad#00+"
    expected = [("packet", b"g"), ("interrupt", b""), ("nack", b""), ("packet", b"m0,4"), ("corrupt", b"bad")]
    for size in (1, 2, 3, 7, len(stream)):
        reader = PacketReader(1000)
        events = [event for at in range(0, len(stream), size) for event in reader.feed(stream[at : at + size])]
        assert events == expected


def test_an_endless_packet_is_dropped() -> None:
    reader = PacketReader(100)
    assert list(reader.feed(b"$" + b"x" * 200)) == [("corrupt", b"")]
    assert list(reader.feed(frame(b"g"))) == [("packet", b"g")]


def test_random_garbage_does_not_end_the_server(client: RawClient) -> None:
    client.send(random.Random(7).randbytes(20_000).replace(b"$k#", b"") + b"#00")
    time.sleep(0.1)
    client.socket.setblocking(False)
    try:
        while client.socket.recv(65536):
            pass
    except BlockingIOError:
        client.socket.settimeout(5.0)
    assert client.ask(b"qAttached") == b"1"


def test_acknowledgements_and_retransmission(client: RawClient) -> None:
    client.send(frame(b"qC"))
    assert client.receive_raw(8) == b"+" + frame(b"QC1")
    client.send(b"-")
    assert client.receive_raw(7) == frame(b"QC1")
    client.send(b"$qC#00")
    assert client.receive_raw(1) == b"-"
    assert client.ask(b"QStartNoAckMode") == b"OK"
    client.send(frame(b"qC"))
    assert client.receive_raw(len(frame(b"QC1"))) == frame(b"QC1")


@pytest.mark.parametrize(
    "packet",
    [b"m", b"mzz,4", b"m0", b"M0,4:00", b"Mzz", b"X0,5:ab", b"P99=00", b"pzz", b"p99", b"Z1,zz,2", b"Z9,0,2", b"Gxx",
     b"qXfer:features:read:target.xml:zz,1", b"qRcmd,zz", b"vFlashErase:0", b"vFlashWrite:zz:", b"vCont;z",
     b"\xff\xfe"],
)  # fmt: skip
def test_malformed_commands_are_answered_and_survived(client: RawClient, packet: bytes) -> None:
    reply = client.ask(packet)
    assert reply == b"" or reply[:1] == b"E"
    assert client.ask(b"qC") == b"QC1"


@pytest.mark.parametrize("packet", [b"", b"vMustReplyEmpty", b"qOffsets", b"qTStatus", b"!", b"R00", b"A0", b"bc"])
def test_unsupported_commands_get_an_empty_answer(client: RawClient, packet: bytes) -> None:
    assert client.ask(packet) == b""


def test_memory_by_hex_and_binary(client: RawClient) -> None:
    data = bytes(range(256))
    assert client.ask(b"X%x,100:%b" % (DTCM + 1, escape(data))) == b"OK"
    assert bytes.fromhex(client.ask(b"m%x,100" % (DTCM + 1)).decode()) == data
    assert client.ask(b"M%x,2:beef" % DTCM) == b"OK"
    assert client.ask(b"m%x,2" % DTCM) == b"beef"
    assert client.ask(b"m60000000,4").startswith(b"E")
    assert client.ask(b"M60000000,1:00").startswith(b"E")


def test_registers_singly_and_together(client: RawClient) -> None:
    assert client.ask(b"P3=78563412") == b"OK"
    assert client.ask(b"p3") == b"78563412"
    everything = client.ask(b"g")
    assert everything[24:32] == b"78563412"
    assert client.ask(b"G" + b"01000000" + everything[8:]) == b"OK"
    assert client.ask(b"p0") == b"01000000"
    assert client.ask(b"g")[8:] == everything[8:]


def test_descriptions_come_in_pieces(client: RawClient) -> None:
    for request, word in ((b"features:read:target.xml", b"m-profile"), (b"memory-map:read:", b'type="flash"')):
        whole = client.ask(b"qXfer:%b:0,4000" % request)
        assert whole[:1] == b"l"
        assert word in whole
        first, second = (client.ask(b"qXfer:%b:%x,%x" % (request, *window)) for window in ((0, 50), (50, 0x4000)))
        assert first[:1] == b"m"
        assert first[1:] + second[1:] == whole[1:]
        assert client.ask(b"qXfer:%b:4000,10" % request) == b"l"


def test_flash_is_erased_and_programmed(client: RawClient) -> None:
    assert client.ask(b"vFlashWrite:%x:%b" % (FLASH, escape(b"abc#$}"))) == b"OK"
    assert client.ask(b"vFlashErase:%x,400" % (FLASH + 0x400)) == b"OK"
    assert client.ask(b"vFlashDone") == b"OK"
    assert bytes.fromhex(client.ask(b"m%x,6" % FLASH).decode()) == b"abc#$}"


def load_endless_loop(client: RawClient) -> None:
    assert client.ask(b"M%x,2:fee7" % DTCM) == b"OK"
    assert client.ask(b"Pf=%b" % DTCM.to_bytes(4, "little").hex().encode()) == b"OK"


def test_an_endless_loop_is_interrupted_within_milliseconds(client: RawClient) -> None:
    load_endless_loop(client)
    delays = []
    for _ in range(5):
        client.send(frame(b"c"))
        time.sleep(0.02)
        start = time.monotonic()
        client.send(b"\x03")
        assert client.receive_packet().startswith(b"T02")
        delays.append(time.monotonic() - start)
    assert min(delays) < 0.02


def test_commands_while_running_are_refused(client: RawClient) -> None:
    load_endless_loop(client)
    client.send(frame(b"vCont;c"))
    assert client.ask(b"g").startswith(b"E")
    client.send(b"\x03")
    assert client.receive_packet().startswith(b"T02")


def test_stepping_moves_the_pc(client: RawClient) -> None:
    assert client.ask(b"M%x,4:00bf00bf" % DTCM) == b"OK"
    client.ask(b"Pf=%b" % DTCM.to_bytes(4, "little").hex().encode())
    reply = client.ask(b"vCont;s:1")
    assert reply.startswith(b"T05")
    assert b"0f:02000020" in reply


def test_a_fault_is_told_in_words_before_the_stop(client: RawClient) -> None:
    client.ask(b"M%x,2:00de" % DTCM)
    client.ask(b"Pf=%b" % DTCM.to_bytes(4, "little").hex().encode())
    console = client.ask(b"c")
    assert console[:1] == b"O"
    assert b"undefined instruction" in bytes.fromhex(console[1:].decode())
    assert client.receive_packet().startswith(b"T04")


def test_monitor_commands(client: RawClient) -> None:
    for command, expected in (
        ("help", "reset halt"),
        ("cycles", r"cycles \d+\ninstructions \d+"),
        ("faults", "cfsr 0x00000000"),
        ("reset halt", "halted at"),
        ("cold", "as after power-up"),
        ("limit 100", "limit 100"),
        ("limit off", "limit off"),
        ("limit much", "there are"),
        ("bogus", "there are"),
    ):
        console = client.ask(b"qRcmd," + command.encode().hex().encode())
        assert re.search(expected, bytes.fromhex(console[1:].decode()).decode())
        assert client.receive_packet() == b"OK"


def test_a_second_client_is_turned_away_and_a_later_one_served(process: VirtualBoardProcess) -> None:
    first = RawClient(process)
    assert first.ask(b"M%x,1:5a" % DTCM) == b"OK"
    second = RawClient(process)
    with pytest.raises(ConnectionError):
        second.ask(b"qC")
    assert first.ask(b"qC") == b"QC1"
    first.close()
    third = RawClient(process)
    assert third.ask(b"m%x,1" % DTCM) == b"5a", "the board lived on"
    third.close()


def test_a_client_that_vanishes_in_a_transfer_leaves_the_server_usable(process: VirtualBoardProcess) -> None:
    for cut in (b"$X20000000,100:half of it", frame(b"c"), b"$", frame(b"g") * 500):
        client = RawClient(process)
        client.send(cut)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    last = RawClient(process)
    assert last.ask(b"?").startswith(b"T")
    last.close()


def test_detaching_lets_the_core_run_and_attaching_halts_it(process: VirtualBoardProcess) -> None:
    client = RawClient(process)
    load_endless_loop(client)
    assert client.ask(b"D") == b"OK"
    client.close()
    time.sleep(0.05)
    client = RawClient(process)
    console = client.ask(b"qRcmd," + b"cycles".hex().encode())
    assert int(bytes.fromhex(console[1:].decode()).split()[1]) > 1000
    client.close()


def test_kill_ends_the_process(process: VirtualBoardProcess) -> None:
    client = RawClient(process)
    client.send(frame(b"k"))
    deadline = time.monotonic() + 5
    while process.is_running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not process.is_running


def test_a_breakpoint_does_not_slow_other_code(client: RawClient) -> None:
    # 20 million turns of: adds r0, #1; cmp r0, r1; bne; then a breakpoint instruction.
    assert client.ask(b"M%x,8:01308842fcd100be" % DTCM) == b"OK"
    seconds = []
    for breakpoint_addr in (None, DTCM + 0x40):
        if breakpoint_addr is not None:
            assert client.ask(b"Z1,%x,2" % breakpoint_addr) == b"OK"
        for register, value in ((0, 0), (1, 20_000_000), (15, DTCM)):
            client.ask(b"P%x=%b" % (register, value.to_bytes(4, "little").hex().encode()))
        start = time.monotonic()
        assert client.ask(b"c").startswith(b"T05")
        seconds.append(time.monotonic() - start)
    assert seconds[1] < 3 * seconds[0] + 0.05
    assert seconds[0] < 3, "60 million instructions"
