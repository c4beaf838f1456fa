"""The board file: what µTVM must know of a microcontroller, checked when it is read."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, PrivateAttr, model_validator

from utvm.boards.checks import check_core, check_placement, check_regions, check_toolchain
from utvm.boards.hosted import Hosted, SectionSizes, check_hosted
from utvm.boards.memory_timing import MemoryTiming, check_memory_timing
from utvm.boards.parts import Core, Placement, Region, Strict, Toolchain
from utvm.boards.qemu import Qemu, check_qemu
from utvm.errors import BoardError

__all__ = ["Board", "Core", "Hosted", "Placement", "Qemu", "Region", "SectionSizes", "Toolchain"]


class Board(Strict):
    """A microcontroller board. Addresses in bytes, clocks in hertz."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    chip: str
    vendor_url: str
    core: Core
    clock_hz: int = Field(gt=0)
    regions: tuple[Region, ...] = Field(min_length=1, strict=False)
    placement: Placement
    toolchain: Toolchain
    memory_timing: MemoryTiming = MemoryTiming()
    hosted: Hosted = Hosted()
    qemu: Qemu | None = None
    _reference: str = PrivateAttr("")

    @property
    def reference(self) -> str:
        """Name, or absolute path of the board file, with which another process can load the same board."""
        return self._reference or self.name

    def loaded_from(self, path: str) -> Board:
        """The same board, remembering the board file that it came from."""
        board = self.model_copy()
        board._reference = path
        return board

    def with_section_sizes(self, sizes: Mapping[str, int]) -> Board:
        """The same board with other sizes of a session's sections, in bytes by name; BoardError if they do not fit."""
        hosted = self.hosted.model_copy(
            update={"section_sizes": self.hosted.section_sizes.model_copy(update=dict(sizes))}
        )
        regions = {region.name: region for region in self.regions}
        try:
            SectionSizes.model_validate(hosted.section_sizes.model_dump())
            check_hosted(hosted, self.core, self.placement, regions)
        except ValueError as error:
            raise BoardError(f"{self.name}: sizes of sections do not fit: {error}") from error
        board = self.model_copy(update={"hosted": hosted})
        board._reference = self._reference
        return board

    def region(self, name: str) -> Region:
        """The region of that name; KeyError if there is none."""
        for region in self.regions:
            if region.name == name:
                return region
        raise KeyError(name)

    @model_validator(mode="after")
    def _check(self) -> Board:
        check_regions(self.regions)
        check_placement(self.placement, {region.name: region for region in self.regions})
        check_core(self.core)
        check_toolchain(self.toolchain, self.core)
        check_memory_timing(self.memory_timing, [region.name for region in self.regions])
        check_hosted(self.hosted, self.core, self.placement, {region.name: region for region in self.regions})
        check_qemu(self.qemu, self.hosted.comms, self.regions)
        return self
