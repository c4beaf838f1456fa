"""All templates: the one table to extend for a new one."""

from __future__ import annotations

from utvm.errors import ScheduleError
from utvm.schedules.add import AddLinear
from utvm.schedules.conv2d_strip import Conv2DStrip
from utvm.schedules.conv2d_winograd import Conv2DWinograd
from utvm.schedules.depthwise import DepthwisePlanes
from utvm.schedules.fully_connected import FullyConnectedDot
from utvm.schedules.fully_connected_nonzero import FullyConnectedNonzero
from utvm.schedules.pool import PoolWords
from utvm.schedules.portable import Portable
from utvm.schedules.template import Template

TEMPLATES: tuple[Template, ...] = (
    Portable(),
    Conv2DStrip(),
    Conv2DWinograd(),
    DepthwisePlanes(),
    FullyConnectedDot(),
    FullyConnectedNonzero(),
    AddLinear(),
    PoolWords(),
)


def template_named(name: str) -> Template:
    """The template of that name; ScheduleError listing the names there are."""
    for template in TEMPLATES:
        if template.name == name:
            return template
    raise ScheduleError(f"no template is named {name!r}; there are {', '.join(item.name for item in TEMPLATES)}")
