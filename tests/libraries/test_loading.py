"""What can be wrong with a library is said: which file, which key, which symbol."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.export.programs import digits
from tests.libraries.conftest import PLAIN_NN, Changed
from tests.schedules.conv2d_cases import Convolution
from tests.schedules.scheduled import site_of
from utvm.boards import load_board
from utvm.compiler import compile_model
from utvm.errors import LibraryError, ScheduleError, ToolchainError
from utvm.libraries import load_library, use_libraries
from utvm.schedules import Schedule, scheduled_kernel
from utvm.schedules.registry import templates
from utvm.session.standalone import StandaloneSession

MANIFEST = "utvm-library.toml"
F746 = "stm32f746-disco"

FAULTS = {
    "no such source": ({MANIFEST: ("src/*.S", "asm/*.S")}, "sources: there is no file 'asm/\\*.S'"),
    "no such folder": ({MANIFEST: ('["include"]', '["headers"]')}, "include_dirs: there is no folder .*headers"),
    "no such header": ({MANIFEST: ("plain/plain_nn.h", "plain/nn.h")}, "headers: there is no plain/nn.h in"),
    "no such licence": ({MANIFEST: ('["LICENSE"]', '["COPYING"]')}, "licences: there is no file 'COPYING'"),
    "not C": ({MANIFEST: ('"src/*.S"', '"LICENSE"')}, "sources: LICENSE is neither C"),
    "absolute": ({MANIFEST: ('"src/*.S"', '"/src/*.S"')}, "not relative to root"),
    "no such root": ({MANIFEST: ('version = "1.2"', 'root = "nowhere"')}, "root: there is no folder .*nowhere"),
    "unknown key": ({MANIFEST: ("flags =", "cflags =")}, "cflags: Extra inputs"),
    "bad name": ({MANIFEST: ('"plain-nn"', '"Plain NN"')}, "name: String should match"),
    "our name": ({MANIFEST: ('"plain-nn"', '"utvm-nn"')}, "begins like our own files"),
    "not TOML": ({MANIFEST: ("name =", "name")}, "not TOML"),
    "no such templates": ({MANIFEST: ("templates.py", "nothing.py")}, "templates: there is no file .*nothing.py"),
    "none ready-made": ({MANIFEST: ("templates.py", "utvm:cube")}, "utvm has none named 'cube'"),
    "Python that fails": ({"templates.py": ('name = "dense"', "name = 1 / 0")}, r"templates.py:\d+: ZeroDivisionError"),
    "Python that is none": ({"templates.py": ("class PlainDense", "klass PlainDense")}, "SyntaxError"),
    "no table": ({"templates.py": ("TEMPLATES =", "MINE =")}, r"wants TEMPLATES = \(\.\.\.\)"),
    "classes in the table": ({"templates.py": ("PlainDense())", "PlainDense)")}, "its instances"),
    "two of a name": ({"templates.py": ('name = "dense"', 'name = "convolve"')}, "two templates are named convolve"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(changed: Changed, fault: str) -> None:
    changes, message = FAULTS[fault]
    with pytest.raises(LibraryError, match=message):
        load_library(changed(changes))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no such file or folder"):
        load_library(tmp_path / "none")
    with pytest.raises(LibraryError, match=f"has no {MANIFEST}"):
        load_library(tmp_path)


def compiled(folder: Path) -> None:
    """The digits by the library, to an image."""
    with use_libraries([load_library(folder)], [load_library(folder).name]):
        program = compile_model(digits(), load_board(F746))
    with StandaloneSession(program, load_board(F746), "zig"):
        pass


def test_a_symbol_that_no_source_defines(changed: Changed) -> None:
    folder = changed({"templates.py": ('calls=("plain_dense_s8",)', 'calls=("plain_dens_s8",)')})
    with pytest.raises(LibraryError, match=r"calls plain_dens_s8, which none of its 6 sources .* plain_dense_s8"):
        compiled(folder)


def test_a_symbol_that_is_missing_deeper(changed: Changed) -> None:
    with pytest.raises(ToolchainError) as raised:
        compiled(changed({"src/limit.c": ("plain_limit(", "plain_limited(")}))
    assert "plain_limit" in raised.value.output


def test_a_library_that_does_not_compile_is_shown_by_its_own_file(changed: Changed) -> None:
    with pytest.raises(ToolchainError) as raised:
        compiled(changed({"src/dense.c": ("int32_t sum = bias[unit];", "int32_t sum = bias(unit);")}))
    assert "src/dense.c:12" in raised.value.output


def test_the_wrong_core(changed: Changed) -> None:
    folder = changed({MANIFEST: ('version = "1.2"', 'cores = ["cortex-m4", "cortex-m33"]')})
    site = site_of(Convolution((1, 6, 6, 4), 4, (3, 3)).model())
    with use_libraries([load_library(folder)]):
        template = next(template for template in templates() if template.name == "plain-nn/convolve")
        assert template.refusal(site) == "library plain-nn is for cortex-m4, cortex-m33, not for cortex-m7"


def test_names_that_are_taken_or_that_there_are_not() -> None:
    library = load_library(PLAIN_NN)
    with pytest.raises(LibraryError, match="two libraries are named plain-nn"), use_libraries([library, library]):
        pass
    with (
        use_libraries([library]),
        pytest.raises(ScheduleError, match="is named plain-nn/convolve already"),
        use_libraries([library]),
    ):
        pass
    with (
        pytest.raises(LibraryError, match=r"--prefer plain: there is no such library .* plain-nn/dense"),
        use_libraries([library], ["plain"]),
    ):
        pass
    assert not any("plain-nn" in template.name for template in templates())


def test_without_its_library_a_schedule_says_so() -> None:
    site = site_of(Convolution((1, 6, 6, 4), 4, (3, 3)).model())
    with pytest.raises(ScheduleError, match="of library plain-nn: give it with --library"):
        scheduled_kernel(site, Schedule.of("plain-nn/convolve", {"code": "12345678"}))


@pytest.mark.parametrize("file", ["src/internal/rounding.h", "src/limit.c", "include/plain/plain_nn.h", "templates.py"])
def test_a_schedule_of_another_state_of_the_library_is_none(changed: Changed, file: str) -> None:
    before = load_library(PLAIN_NN)
    after = load_library(changed({file: ("plain", "plain")}))
    assert before.code_hash == after.code_hash
    text = (after.path.parent / file).read_text(encoding="utf-8")
    (after.path.parent / file).write_text(text + "\n", encoding="utf-8")
    after = load_library(after.path)
    site = site_of(Convolution((1, 6, 6, 4), 4, (3, 3)).model())
    with use_libraries([after]), pytest.raises(ScheduleError, match="knob code"):
        scheduled_kernel(site, Schedule.of("plain-nn/convolve", {"code": before.code_hash}))


def test_mistakes_of_a_template_are_its_own(changed: Changed) -> None:
    folder = changed({"templates.py": ("if operator.dilation != (1, 1)", "if operator.dilatation != (1, 1)")})
    with pytest.raises(ScheduleError, match=r"refusal of its template convolve failed: AttributeError.*dilatation"):
        compiled(folder)


def test_one_python_file(tmp_path: Path) -> None:
    file = tmp_path / "my_pools.py"
    file.write_text(
        "from utvm.schedules.pool import PoolWords\n\n"
        "class Mine(PoolWords):\n    name = 'words'\n\n"
        "TEMPLATES = (Mine(),)\n",
        encoding="utf-8",
    )
    with use_libraries([load_library(file)], ["my-pools"]):
        program = compile_model(digits(), load_board(F746))
    assert "my-pools/words" in [call.schedule.partition("(")[0] for call in program.calls]
    with pytest.raises(LibraryError, match="name the file in"):
        load_library(file.rename(tmp_path / "1st.py"))
