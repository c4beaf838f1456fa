"""All templates: the one table to extend for a new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from utvm.errors import ScheduleError
from utvm.schedules.add import AddLinear
from utvm.schedules.add_plain import AddPlain
from utvm.schedules.conv2d_im2col import Conv2DIm2col
from utvm.schedules.conv2d_mve import Conv2DVectors
from utvm.schedules.conv2d_strip import Conv2DStrip
from utvm.schedules.conv2d_winograd import Conv2DWinograd
from utvm.schedules.depthwise import DepthwisePlanes
from utvm.schedules.depthwise_mve import DepthwiseVectors
from utvm.schedules.elementwise_mve import AddVectors, MulVectors
from utvm.schedules.fully_connected import FullyConnectedDot
from utvm.schedules.fully_connected_mve import FullyConnectedVectors
from utvm.schedules.fully_connected_nonzero import FullyConnectedNonzero
from utvm.schedules.lookup import LookupWords
from utvm.schedules.lookup_mve import LookupVectors
from utvm.schedules.mean import MeanChannels
from utvm.schedules.mean_mve import MeanVectors
from utvm.schedules.metaschedule.template import MetaSchedule
from utvm.schedules.mul import MulProduct
from utvm.schedules.plain_tiles import PlainTiles
from utvm.schedules.pool import PoolWords
from utvm.schedules.pool_mve import PoolVectors
from utvm.schedules.portable import Portable
from utvm.schedules.softmax import SoftmaxShared
from utvm.schedules.svdf import SVDFDot
from utvm.schedules.template import Template
from utvm.schedules.transpose_conv2d import TransposeConv2DRows
from utvm.schedules.unidirectional_lstm import UnidirectionalLSTMDot
from utvm.schedules.weight_code import WeightCode
from utvm.schedules.weight_words import WeightWords

TEMPLATES: tuple[Template, ...] = (
    Portable(),
    Conv2DStrip(),
    Conv2DIm2col(),
    Conv2DWinograd(),
    DepthwisePlanes(),
    TransposeConv2DRows(),
    FullyConnectedDot(),
    FullyConnectedNonzero(),
    SVDFDot(),
    UnidirectionalLSTMDot(),
    AddLinear(),
    MulProduct(),
    LookupWords(),
    MeanChannels(),
    SoftmaxShared(),
    PoolWords(),
    WeightCode(),
    WeightWords(),
    AddPlain(),
    Conv2DVectors(),
    DepthwiseVectors(),
    FullyConnectedVectors(),
    AddVectors(),
    MulVectors(),
    PoolVectors(),
    LookupVectors(),
    MeanVectors(),
    PlainTiles(),
)

# Only records bring these to an operator: they are neither defaults nor candidates.
RECORDED: tuple[Template, ...] = (MetaSchedule(),)

_extensions: list[Template] = []
_preferred: list[str] = []


def templates() -> tuple[Template, ...]:
    """Ours, and those of the libraries in use."""
    return (*TEMPLATES, *_extensions)


@contextmanager
def extended(more: Sequence[Template], prefer: Sequence[str] = ()) -> Iterator[None]:
    """More templates for the time of a `with`. Of `more`, defaults take those that `prefer` names and no others.

    A name of `prefer` is a template's, or what comes before the slash in it. Raises ScheduleError for a name that is
    taken.
    """
    names = {template.name for template in templates()}
    for template in more:
        if template.name in names:
            raise ScheduleError(f"a template is named {template.name} already")
        names.add(template.name)
    before = list(_extensions), list(_preferred)
    _extensions.extend(more)
    _preferred.extend(prefer)
    try:
        yield
    finally:
        _extensions[:], _preferred[:] = before


def preferred() -> tuple[str, ...]:
    """The names that defaults are to prefer."""
    return tuple(_preferred)


def goes_by(template: Template, name: str) -> bool:
    """Whether that is its name, or its library's."""
    return name in (template.name, template.name.partition("/")[0])


def is_preferred(template: Template) -> bool:
    """Whether defaults take it before others."""
    return any(goes_by(template, name) for name in _preferred)


def default_templates() -> tuple[Template, ...]:
    """Those that defaults are chosen from."""
    return (*TEMPLATES, *(template for template in _extensions if is_preferred(template)))


def template_named(name: str) -> Template:
    """The template of that name; ScheduleError listing the names there are."""
    known = (*templates(), *RECORDED)
    for template in known:
        if template.name == name:
            return template
    hint = f" (of library {name.partition('/')[0]}: give it with --library)" if "/" in name else ""
    raise ScheduleError(f"no template is named {name!r}{hint}; there are {', '.join(item.name for item in known)}")
