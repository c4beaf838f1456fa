"""The projects for other build systems: their structure, and their sources compiled and run against stubs of ours."""

from __future__ import annotations

import io
import json
import re
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.export.programs import (
    STRICT,
    STRICT_CPP,
    ZIG,
    compile_and_link,
    compile_for_host,
    digits,
    library_of,
    request_of,
    run_binary,
    write_files,
)
from tests.models import random_inputs
from utvm.boards import load_board
from utvm.errors import UsageError
from utvm.export import FORMATS, ExportRequest, Sample, format_files
from utvm.operators import run_reference

STUBS = Path(__file__).parent / "stubs"
FOLDERS = ("zephyr", "arduino", "platformio", "esp-idf", "cmsis-pack")


@pytest.fixture(scope="module")
def request_() -> ExportRequest:
    """The digits in portable kernels, so that the sources run on this computer."""
    model = digits()
    inputs = random_inputs(model, 1)[0]
    library = library_of(compile_for_host(model), "tiny_net")
    return ExportRequest(library, load_board("stm32f746-disco"), Sample(inputs, run_reference(model, inputs)))


def expected_line(request: ExportRequest) -> str:
    assert request.sample.outputs is not None
    return "output: " + " ".join(str(value) for value in next(iter(request.sample.outputs.values())).ravel())


def c_objects(folder: Path, sources: list[Path], *includes: Path) -> list[Path]:
    """Compiled one by one, as build systems do."""
    objects = []
    for index, source in enumerate(sources):
        flags = (*STRICT, "-c", *(f"-I{path}" for path in includes))
        objects.append(compile_and_link((*ZIG, "cc"), [source], folder / f"{index}.o", *flags))
    return objects


@pytest.mark.parametrize(
    ("format_name", "application"),
    [
        ("zephyr", ["samples/run/src/main.c", "samples/run/src/sample.c"]),
        ("platformio", ["examples/run/main.c", "examples/run/sample.c"]),
        ("esp-idf", ["examples/run/main/main.c", "examples/run/main/sample.c"]),
    ],
)
def test_c_applications_print_what_is_expected(
    request_: ExportRequest, format_name: str, application: list[str], tmp_path: Path
) -> None:
    folder = write_files(format_files(format_name, request_), tmp_path)
    sources = [*sorted((folder / "src").glob("*.c")), *(folder / name for name in application), STUBS / "run.c"]
    if format_name == "esp-idf":
        entry = tmp_path / "entry.c"
        entry.write_text('#include "esp_cpu.h"\nint main(void) { app_main(); return 0; }\n')
        sources.append(entry)
    includes = (STUBS, folder / "include", (folder / application[0]).parent)
    binary = compile_and_link((*ZIG, "cc"), c_objects(tmp_path, sources, *includes), tmp_path / "program")
    lines = run_binary(binary).decode().splitlines()
    assert expected_line(request_) in lines
    assert "mismatches 0" in lines


def test_the_sketch_prints_what_is_expected(request_: ExportRequest, tmp_path: Path) -> None:
    folder = write_files(format_files("arduino", request_), tmp_path)
    example = folder / "examples" / "Run"
    # What the IDE makes of a sketch.
    (tmp_path / "Run.cpp").write_text(f'#include "Arduino.h"\n{(example / "Run.ino").read_text()}')
    objects = c_objects(tmp_path, [*(folder / "src").glob("*.c"), example / "sample.c"], folder / "src", example)
    flags = (*STRICT_CPP, f"-I{STUBS}", f"-I{folder / 'src'}", f"-I{example}")
    sources = [tmp_path / "Run.cpp", STUBS / "arduino.cpp", *objects]
    lines = run_binary(compile_and_link((*ZIG, "c++"), sources, tmp_path / "program", *flags)).decode().splitlines()
    assert expected_line(request_) in lines
    assert "mismatches 0" in lines and "status 0" in lines


@pytest.mark.parametrize("format_name", FOLDERS)
def test_every_source_is_listed_where_the_build_system_wants_it(request_: ExportRequest, format_name: str) -> None:
    files = {name: text for name, text in format_files(format_name, request_).items() if isinstance(text, str)}
    lists = {
        "zephyr": "zephyr/CMakeLists.txt",
        "esp-idf": "CMakeLists.txt",
        "cmsis-pack": "utvm.tiny-net.pdsc",
    }
    folder = "Source" if format_name == "cmsis-pack" else "src"
    assert all(f"{folder}/{name}" in files for name in request_.library.sources)
    if format_name in lists:
        listed = files[lists[format_name]]
        assert all(f"{folder}/{name}" in listed for name in request_.library.sources)
    readme = files["README.md"]
    assert "tiny_net_run(&model)" in readme and "{{" not in readme and "{%" not in readme


def test_the_zephyr_module(request_: ExportRequest) -> None:
    files = format_files("zephyr", request_)
    assert files["zephyr/module.yml"] == "name: tiny-net\nbuild:\n  cmake: zephyr\n  kconfig: zephyr/Kconfig\n"
    kconfig = str(files["zephyr/Kconfig"])
    assert kconfig.startswith("config TINY_NET\n\tbool ") and "{" not in kconfig
    assert "CONFIG_TINY_NET=y" in str(files["samples/run/prj.conf"])
    assert "if(CONFIG_TINY_NET)" in str(files["zephyr/CMakeLists.txt"])
    assert "ZEPHYR_EXTRA_MODULES ${CMAKE_CURRENT_SOURCE_DIR}/../.." in str(files["samples/run/CMakeLists.txt"])


def test_the_arduino_properties(request_: ExportRequest) -> None:
    text = str(format_files("arduino", request_)["library.properties"])
    properties = dict(line.split("=", 1) for line in text.splitlines())
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "architectures"}
    assert required <= set(properties) and all(properties.values())
    assert properties["includes"] == "tiny_net.h"
    assert re.fullmatch(r"\d+\.\d+\.\d+", properties["version"])


def test_the_platformio_manifest(request_: ExportRequest) -> None:
    files = format_files("platformio", request_)
    manifest = json.loads(str(files["library.json"]))
    assert manifest["name"] == "tiny-net"
    assert f"include/{manifest['headers']}" in files
    for example in manifest["examples"]:
        assert all(f"{example['base']}/{name}" in files for name in example["files"])


def test_the_pack_description(request_: ExportRequest) -> None:
    files = format_files("cmsis-pack", request_)
    package = ElementTree.fromstring(str(files["utvm.tiny-net.pdsc"]))
    assert [package.findtext(tag) for tag in ("vendor", "name")] == ["utvm", "tiny-net"]
    assert package.findtext("description") and package.find("url") is not None
    component = package.find("components/component")
    assert component is not None and component.get("condition") == "Cortex-M7"
    assert package.find("conditions/condition/require[@Dcore='Cortex-M7']") is not None
    for file in component.iter("file"):
        name = file.get("name", "")
        assert name in files or any(other.startswith(name) for other in files if name.endswith("/"))


def test_the_archive(request_: ExportRequest) -> None:
    import hashlib

    files = format_files("archive", request_)
    assert list(files) == ["tiny_net.tar"]
    content = files["tiny_net.tar"]
    assert isinstance(content, bytes) and content == format_files("archive", request_)["tiny_net.tar"]
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        members = {entry.name: archive.extractfile(entry) for entry in archive.getmembers()}
        texts = {name: stream.read() for name, stream in members.items() if stream is not None}
    metadata = json.loads(texts.pop("metadata.json"))
    assert metadata["files_sha256"] == {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
    assert metadata["memory"]["arena_bytes"] == dict(request_.library.program.arenas)
    assert metadata["inputs"][0]["shape"] == [1, 8, 8, 1]
    assert [layer["name"] for layer in metadata["layers"]] == [call.layer for call in request_.library.program.calls]


def test_arms_kernels_are_not_for_an_esp32() -> None:
    request = request_of(digits(), "stm32f746-disco", "tiny_net")
    assert request.library.program.units
    with pytest.raises(UsageError, match="no ESP32"):
        format_files("esp-idf", request)


@pytest.mark.parametrize("format_name", FORMATS)
def test_nothing_depends_on_the_day(request_: ExportRequest, format_name: str) -> None:
    assert format_files(format_name, request_) == format_files(format_name, request_)
