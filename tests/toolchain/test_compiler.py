"""Compiling and linking: cache, determinism, failures."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from utvm.boards import load_board
from utvm.errors import ToolchainError
from utvm.toolchain import CompileJob, Compiler, find_compiler
from utvm.toolchain.cache import ObjectCache
from utvm.toolchain.compiler import WARNING_FLAGS

SOURCE = '#include "scale.h"\nint scaled(int value);\nint scaled(int value) { return value * SCALE; }\n'


@pytest.fixture(name="compiler")
def cross_compiler() -> Compiler:
    return find_compiler(load_board("stm32f746-disco"), "zig")


@pytest.fixture(name="cache")
def own_cache(tmp_path: Path) -> ObjectCache:
    return ObjectCache(tmp_path / "cache")


def write_project(folder: Path, scale: int) -> Path:
    (folder / "include" / "deep").mkdir(parents=True)
    (folder / "include" / "scale.h").write_text('#include "deep/value.h"\n', encoding="utf-8")
    (folder / "include" / "deep" / "value.h").write_text(f"#define SCALE {scale}\n", encoding="utf-8")
    source = folder / "scaled.c"
    source.write_text(SOURCE, encoding="utf-8")
    return source


def test_the_same_source_in_another_folder_is_the_same_object(
    tmp_path: Path, compiler: Compiler, cache: ObjectCache
) -> None:
    first = write_project(tmp_path / "first", 3)
    original = compiler.compile(first, tmp_path / "a.o", [first.parent / "include"], cache=cache)
    objects = [path for path in cache.directory.rglob("*") if path.is_file()]
    assert len(objects) == 1
    second = write_project(tmp_path / "second", 3)
    again = compiler.compile(second, tmp_path / "b.o", [second.parent / "include"], cache=cache)
    assert again.read_bytes() == original.read_bytes()
    assert [path for path in cache.directory.rglob("*") if path.is_file()] == objects
    uncached = compiler.compile(
        second, tmp_path / "c.o", [second.parent / "include"], cache=ObjectCache(tmp_path / "x")
    )
    assert uncached.read_bytes() == original.read_bytes()


def test_a_second_compilation_comes_from_the_cache(tmp_path: Path, compiler: Compiler, cache: ObjectCache) -> None:
    source = write_project(tmp_path / "project", 3)
    compiler.compile(source, tmp_path / "a.o", [source.parent / "include"], cache=cache)
    (entry,) = (path for path in cache.directory.rglob("*") if path.is_file())
    entry.write_bytes(b"from the cache")
    compiler.compile(source, tmp_path / "a.o", [source.parent / "include"], cache=cache)
    assert (tmp_path / "a.o").read_bytes() == b"from the cache"


def test_a_changed_header_or_flag_is_a_new_object(tmp_path: Path, compiler: Compiler, cache: ObjectCache) -> None:
    def objects() -> int:
        return sum(path.is_file() for path in cache.directory.rglob("*"))

    for scale in (3, 4):
        source = write_project(tmp_path / str(scale), scale)
        compiler.compile(source, tmp_path / "a.o", [source.parent / "include"], cache=cache)
    assert objects() == 2
    compiler.compile(source, tmp_path / "a.o", [source.parent / "include"], ["-O1"], cache)
    assert objects() == 3
    other = dataclasses.replace(compiler, version="another version")
    other.compile(source, tmp_path / "a.o", [source.parent / "include"], cache=cache)
    assert objects() == 4


def test_a_cache_that_cannot_be_written_is_no_obstacle(tmp_path: Path, compiler: Compiler) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    source = write_project(tmp_path / "project", 3)
    cache = ObjectCache(tmp_path / "file" / "objects")
    compiled = compiler.compile(source, tmp_path / "a.o", [source.parent / "include"], cache=cache)
    assert compiled.read_bytes()[:4] == b"\x7fELF"


def test_the_cache_keeps_the_newest_files_of_a_shard(tmp_path: Path, cache: ObjectCache) -> None:
    source = tmp_path / "object"
    keys = [f"ab{index:062x}" for index in range(40)]
    for key in keys:
        source.write_text(key, encoding="utf-8")
        cache.store(key, source)
    assert not cache.fetch(keys[0], tmp_path / "out")
    assert cache.fetch(keys[-1], tmp_path / "out")
    assert (tmp_path / "out").read_text(encoding="utf-8") == keys[-1]
    assert sum(path.is_file() for path in cache.directory.rglob("*")) == 32


def test_parallel_writers_leave_whole_files(tmp_path: Path, cache: ObjectCache) -> None:
    contents = [bytes([index]) * 50_000 for index in range(8)]

    def write_and_read(index: int) -> bytes:
        source, output = tmp_path / f"in{index}", tmp_path / f"out{index}"
        source.write_bytes(contents[index])
        cache.store("cd" + "0" * 62, source)
        assert cache.fetch("cd" + "0" * 62, output)
        return output.read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert all(result in contents for result in pool.map(write_and_read, range(8)))


def test_a_failing_source_is_named_with_the_compilers_message(tmp_path: Path, compiler: Compiler) -> None:
    source = tmp_path / "broken.c"
    source.write_text("int value(void);\nint value(void) { return undeclared; }\n", encoding="utf-8")
    with pytest.raises(ToolchainError, match=r"cannot compile broken\.c(.|\n)*broken\.c:2(.|\n)*undeclared") as caught:
        compiler.compile(source, tmp_path / "a.o")
    assert "-c" in caught.value.command
    assert "undeclared" in caught.value.output
    assert not (tmp_path / "a.o").exists()


def test_a_warning_is_an_error(tmp_path: Path, compiler: Compiler) -> None:
    source = tmp_path / "careless.c"
    source.write_text("int value(int unused);\nint value(int unused) { return 1; }\n", encoding="utf-8")
    with pytest.raises(ToolchainError, match="unused"):
        compiler.compile(source, tmp_path / "a.o", extra_flags=WARNING_FLAGS)


def test_long_messages_are_shortened(tmp_path: Path, compiler: Compiler) -> None:
    source = tmp_path / "many.c"
    lines = "\n".join(f"int f{index}(void) {{ return missing{index}; }}" for index in range(100))
    source.write_text(lines, encoding="utf-8")
    with pytest.raises(ToolchainError) as caught:
        compiler.compile(source, tmp_path / "a.o")
    assert len(str(caught.value).splitlines()) < 30
    assert "more lines" in str(caught.value)
    assert len(caught.value.output) > len(str(caught.value)) / 2


def test_one_bad_source_of_many_is_the_one_named(tmp_path: Path, compiler: Compiler, cache: ObjectCache) -> None:
    jobs = []
    for index in range(6):
        source = tmp_path / f"part{index}.c"
        body = "undeclared" if index == 4 else str(index)
        source.write_text(f"int part{index}(void);\nint part{index}(void) {{ return {body}; }}\n", encoding="utf-8")
        jobs.append(CompileJob(source, tmp_path / f"part{index}.o"))
    with pytest.raises(ToolchainError, match=r"part4\.c"):
        compiler.compile_all(jobs, cache)
    assert [path.name for path in compiler.compile_all(jobs[:4], cache)] == [f"part{index}.o" for index in range(4)]


def test_a_missing_compiler_program_is_an_error(tmp_path: Path, compiler: Compiler) -> None:
    source = write_project(tmp_path / "project", 3)
    gone = dataclasses.replace(compiler, command=(str(tmp_path / "no-such-compiler"),))
    with pytest.raises(ToolchainError, match=r"no-such-compiler cannot be started"):
        gone.compile(source, tmp_path / "a.o")
