"""Log monitors, their readers, and the lines of the proxy log (spec/events-and-logs.md)."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import select
import threading
from collections.abc import Iterator
from datetime import datetime

import pytest

from hotbay.config.model import Config, ModelConfig
from hotbay.runtime.console import LIMIT, Console
from hotbay.runtime.logs import LibraryHandler, LogBook, ProxyLog
from hotbay.runtime.monitors import HISTORY, QUEUE_BYTES, Monitor, Shared, Subscription

PATIENCE = 10.0


async def pieces(subscription: Subscription, count: int) -> list[bytes]:
    async with asyncio.timeout(PATIENCE):
        return [await anext(subscription) for _ in range(count)]


# -- monitors ------------------------------------------------------------------------


async def test_the_history_is_the_newest_100_kib() -> None:
    monitor = Monitor()
    written = b"".join(b"%06d " % number for number in range(22_000))
    for start in range(0, len(written), 1000):
        monitor.write(written[start : start + 1000])

    assert monitor.history() == written[-HISTORY:]
    monitor.write(written)
    assert monitor.history() == written[-HISTORY:]


async def test_lines_begin_with_the_first_that_is_known_from_its_beginning() -> None:
    monitor = Monitor()
    monitor.write(b"first\nsecond\n")
    assert monitor.lines() == b"first\nsecond\n"
    monitor.write(b"x" * (HISTORY - 6))
    assert monitor.history().startswith(b"econd\n")
    assert monitor.lines() == b"x" * (HISTORY - 6)


async def test_a_line_longer_than_the_history_is_kept_as_far_as_it_is_known() -> None:
    monitor = Monitor()
    monitor.write(b"x" * (HISTORY + 1))
    assert monitor.lines() == b"x" * HISTORY


async def test_a_common_history_tells_whose_each_part_is() -> None:
    shared = Shared()
    for source, piece in (("a", b"1"), ("a", b"2\n"), ("b", b"3\n"), ("a", b"4")):
        shared.write_of(source, piece)
    assert shared.runs() == [("a", b"12\n"), ("b", b"3\n"), ("a", b"4")]


async def test_of_a_common_history_only_what_is_remembered_is_told() -> None:
    shared = Shared()
    shared.write_of("gone", b"x\n")
    shared.write_of("a", b"y" * 10 + b"\n" + b"z" * 10 + b"\n")
    shared.write_of("b", b"b" * (HISTORY - 12))
    # Of the line with y nobody knows the beginning.
    assert shared.runs() == [("a", b"z" * 10 + b"\n"), ("b", b"b" * (HISTORY - 12))]
    shared.write_of("b", b"b" * HISTORY)
    assert shared.runs() == [("b", b"b" * HISTORY)]


async def test_history_and_live_pieces_join_without_gap_or_repeat() -> None:
    monitor = Monitor()
    monitor.write(b"before ")
    reader = monitor.subscribe()
    monitor.write(b"after")

    assert await pieces(reader, 2) == [b"before ", b"after"]


async def test_without_history_only_what_comes_later_is_read() -> None:
    monitor = Monitor()
    monitor.write(b"before")
    reader = monitor.subscribe(history=False)
    waiting = asyncio.ensure_future(anext(reader))
    monitor.write(b"after")

    assert await waiting == b"after"


async def test_pieces_arrive_unchanged_and_in_order() -> None:
    monitor = Monitor()
    reader = monitor.subscribe()
    for piece in (b"caf\xc3", b"\xa9\n", b"", b"\x1b[0m"):
        monitor.write(piece)

    assert await pieces(reader, 4) == [b"caf\xc3", b"\xa9\n", b"", b"\x1b[0m"]


async def test_a_slow_reader_loses_pieces_and_is_told_how_many_bytes() -> None:
    monitor = Monitor()
    slow, quick = monitor.subscribe(2), monitor.subscribe(10)
    for piece in (b"one", b"two", b"three", b"four"):
        monitor.write(piece)
    first = await pieces(slow, 1)
    monitor.write(b"five")

    marker = "\n— 9 bytes dropped —\n".encode()
    assert first + await pieces(slow, 3) == [b"one", b"two", marker, b"five"]
    assert await pieces(quick, 5) == [b"one", b"two", b"three", b"four", b"five"]
    assert monitor.history() == b"onetwothreefourfive"


async def test_large_pieces_fill_the_queue_of_a_reader_before_there_are_many() -> None:
    monitor = Monitor()
    reader = monitor.subscribe()
    large = b"x" * (QUEUE_BYTES // 2)
    for _ in range(4):
        monitor.write(large)

    assert await pieces(reader, 2) == [large, large]
    monitor.write(b"after")
    marker = f"\n— {QUEUE_BYTES} bytes dropped —\n".encode()
    assert await pieces(reader, 2) == [marker, b"after"]


async def test_a_reader_that_resumes_after_the_last_piece_sees_the_gap() -> None:
    monitor = Monitor()
    reader = monitor.subscribe(1)
    monitor.write(b"one")
    monitor.write(b"two")

    assert await pieces(reader, 2) == [b"one", "\n— 3 bytes dropped —\n".encode()]


async def test_a_closed_monitor_ends_its_readers_after_what_they_have() -> None:
    monitor = Monitor()
    monitor.write(b"last words")
    reader, idle = monitor.subscribe(), monitor.subscribe(history=False)
    waiting = asyncio.ensure_future(anext(idle, None))
    await asyncio.sleep(0)  # let it begin to wait
    monitor.close()

    assert [piece async for piece in reader] == [b"last words"]
    assert await waiting is None


async def test_a_reader_that_leaves_hears_no_more() -> None:
    monitor = Monitor()
    reader = monitor.subscribe()
    reader.close()
    monitor.write(b"unheard")

    assert [piece async for piece in reader] == []


# -- lines ------------------------------------------------------------------------------


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def log(lines: list[str]) -> ProxyLog:
    return ProxyLog(lambda line: lines.append(line.decode()), clock=lambda: 1_000_000_000)


def test_a_line_is_level_and_message(log: ProxyLog, lines: list[str]) -> None:
    log.info("hello")
    log.warn("careful: ünïcode — fine")
    log.error("broken")

    assert lines == ["[INFO] hello\n", "[WARN] careful: ünïcode — fine\n", "[ERROR] broken\n"]


@pytest.mark.parametrize(
    ("level", "count"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1), ("loud", 3)]
)
def test_lines_below_the_level_are_dropped(
    level: str, count: int, log: ProxyLog, lines: list[str]
) -> None:
    log.configure(level, "")
    for write in (log.debug, log.info, log.warn, log.error):
        write("x")

    assert len(lines) == count


def test_level_and_time_stamp_can_change(log: ProxyLog, lines: list[str]) -> None:
    log.configure("debug", "rfc3339nano")
    log.debug("x")
    log.configure("info", "no such format")
    log.info("y")

    stamped, plain = lines
    assert stamped.startswith(("1970-01-01T", "1969-12-31T"))
    assert stamped.endswith(" [DEBUG] x\n")
    assert plain == "[INFO] y\n"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("GET /a\n[ERROR] forged", r"GET /a\n[ERROR] forged"),
        ("\r\t\0\x1b[2J\x7f", r"\r\t\x00\x1b[2J\x7f"),
        ("\x9b31m \u2028 \u202e", r"\x9b31m \u2028 \u202e"),
        ("lone \udcff", r"lone \udcff"),
    ],
)
def test_no_message_can_forge_a_line_or_steer_a_terminal(
    message: str, text: str, log: ProxyLog, lines: list[str]
) -> None:
    log.info(message)

    assert lines == [f"[INFO] {text}\n"]


def test_the_level_can_change_while_it_logs(log: ProxyLog, lines: list[str]) -> None:
    log.configure("warn", "")
    log.level = "debug"
    log.debug("x")

    assert lines == ["[DEBUG] x\n"]
    assert log.level == "debug"


def test_json_lines_have_time_level_and_message(log: ProxyLog, lines: list[str]) -> None:
    log.configure("info", "kitchen", as_json=True)
    log.debug("unheard")
    log.warn("careful: ünïcode — fine")

    (line,) = lines
    assert line.endswith("}\n")
    assert "ünïcode — fine" in line
    value = json.loads(line)
    assert value.keys() == {"time", "level", "message"}
    assert (value["level"], value["message"]) == ("warn", "careful: ünïcode — fine")
    assert datetime.fromisoformat(value["time"]).timestamp() == 1


@pytest.mark.parametrize(
    "message",
    [
        'GET /a\n{"level":"error"}',
        '", "level": "error',
        "\r\t\0\x1b[2J\x7f\x9b31m",
        "\u2028",
        "\udcff",
    ],
)
def test_no_message_can_forge_a_json_line_or_steer_a_terminal(
    message: str, log: ProxyLog, lines: list[str]
) -> None:
    log.configure("info", "", as_json=True)
    log.info(message)

    (line,) = lines
    assert line.removesuffix("\n").isprintable()
    assert json.loads(line) == {**json.loads(line), "level": "info", "message": message}


def test_an_exception_is_logged_with_its_place(log: ProxyLog, lines: list[str]) -> None:
    with pytest.raises(ValueError, match="two") as caught:
        int("two\nlines")
    log.error("it failed", caught.value)  # noqa: PLE1205  # not the logging of the standard library

    assert lines[0] == "[ERROR] it failed\n"
    assert any("test_logs.py" in line for line in lines)
    assert all(line.startswith("[ERROR] ") and line.count("\n") == 1 for line in lines)


# -- where logs go -----------------------------------------------------------------------


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


@pytest.mark.parametrize(
    ("choice", "copied"),
    [
        ("proxy", b"[INFO] proxy\n"),
        ("upstream", b"upstream\n"),
        ("both", b"[INFO] proxy\nupstream\n"),
        ("none", b""),
    ],
)
async def test_standard_output_and_the_combined_log_get_what_was_chosen(
    choice: str, copied: bytes, pipe: tuple[int, int]
) -> None:
    console = Console(pipe[1])
    book = LogBook(Config(log_to_stdout=choice), console)
    book.proxy.info("proxy")
    book.model("lily").write(b"upstream\n")
    book.flush()
    os.close(pipe[1])

    assert book.combined.history() == copied
    assert os.read(pipe[0], 1000) == copied
    assert book.proxy_monitor.history() == b"[INFO] proxy\n"
    assert book.upstream.history() == book.model("lily").history() == b"upstream\n"


async def test_the_tail_is_what_the_newest_server_wrote() -> None:
    book = LogBook(Config(log_to_stdout="none"))
    book.begin("lily")
    book.model("lily").write(b"old")
    assert book.tail("lily") == b"old"
    book.begin("lily")
    assert book.tail("lily") == b""
    book.model("lily").write(b"new")

    assert book.tail("lily") == b"new"
    assert book.model("lily").history() == b"oldnew"


async def test_a_reload_ends_the_logs_of_removed_models_only() -> None:
    both = Config(log_to_stdout="none", models={"a": ModelConfig(id="a"), "b": ModelConfig(id="b")})
    book = LogBook(both)
    for model in ("a", "b"):
        book.model(model).write(model.encode())
    leaving = book.model("a").subscribe(history=False)
    book.configure(Config(log_level="debug", models={"b": ModelConfig(id="b")}))
    book.proxy.debug("fine")

    assert [piece async for piece in leaving] == []
    assert (book.model("a").history(), book.model("b").history()) == (b"", b"b")
    assert book.proxy_monitor.history() == b"[DEBUG] fine\n"


# -- standard output ------------------------------------------------------------------------


def read_all(descriptor: int, into: bytearray) -> None:
    while data := os.read(descriptor, 65536):
        into += data


def test_a_stuck_standard_output_holds_up_nobody_and_gets_a_mark(pipe: tuple[int, int]) -> None:
    console = Console(pipe[1])
    line = b"x" * 1023 + b"\n"
    for _ in range(3 * LIMIT // len(line)):
        console.write(line)
    assert not console.flush(0.05)

    received = bytearray()
    reader = threading.Thread(target=read_all, args=(pipe[0], received))
    reader.start()
    assert console.flush(PATIENCE)
    console.write(b"again\n")
    assert console.flush(PATIENCE)
    os.close(pipe[1])
    reader.join()

    text, _, rest = received.decode().partition("\n— ")
    dropped, _, end = rest.partition(" bytes dropped —\n")
    assert len(text) + int(dropped) == 3 * LIMIT
    assert end == "again\n"


def test_a_closed_standard_output_is_survived(pipe: tuple[int, int]) -> None:
    console = Console(pipe[1])
    os.close(pipe[0])
    console.write(b"nobody reads this\n")
    assert console.flush(PATIENCE)
    console.write(b"nor this\n")
    assert console.flush(PATIENCE)


def test_a_non_blocking_standard_output_is_waited_for(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    console = Console(pipe[1])
    data = bytes(LIMIT)
    console.write(data)
    assert select.select([pipe[0]], [], [], PATIENCE)[0]
    received = bytearray()
    reader = threading.Thread(target=read_all, args=(pipe[0], received))
    reader.start()
    assert console.flush(PATIENCE)
    os.close(pipe[1])
    reader.join()

    assert received == data


def test_without_a_standard_output_nothing_is_written() -> None:
    console = Console(None)
    console.write(b"nowhere")
    assert console.flush(0.0)


async def test_what_libraries_log_comes_with_its_exception_into_the_log() -> None:
    written: list[bytes] = []
    logger = logging.getLogger("some_package")
    handler = LibraryHandler(ProxyLog(written.append))
    logger.addHandler(handler)
    try:
        logger.info("not worth a line")
        logger.warning("beware of %s", "this")
        try:
            int("odd value")
        except ValueError:
            logger.exception("it broke")
    finally:
        logger.removeHandler(handler)
    text = b"".join(written).decode()
    assert text.startswith("[WARN] some_package: beware of this\n[ERROR] some_package: it broke\n")
    assert "ValueError: invalid literal" in text
    assert "not worth" not in text


async def test_what_a_library_logs_in_another_thread_is_written_in_ours() -> None:
    threads: list[int] = []
    written: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def write(line: bytes) -> None:
        threads.append(threading.get_ident())
        written.set_result(line)

    logger = logging.getLogger("some_package")
    handler = LibraryHandler(ProxyLog(write))
    logger.addHandler(handler)
    try:
        await asyncio.to_thread(logger.warning, "from afar")
        assert await asyncio.wait_for(written, PATIENCE) == b"[WARN] some_package: from afar\n"
    finally:
        logger.removeHandler(handler)
    assert threads == [threading.get_ident()]


def test_levels_have_colours_on_a_terminal_only() -> None:
    line = b"[WARN] beware\n"
    ours, terminal = os.openpty()
    reader, pipe = os.pipe()
    try:
        for descriptor in (terminal, pipe):
            console = Console(descriptor)
            console.write(line)
            assert console.flush()
        assert os.read(ours, 100) == b"\x1b[33m[WARN]\x1b[0m beware\r\n"
        assert os.read(reader, 100) == line
    finally:
        for descriptor in (ours, terminal, reader, pipe):
            os.close(descriptor)
