"""What every Conv2D template in assembly finds out first: whether it may apply, and its channels' constants."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from utvm.boards import Core
from utvm.microkernels.assembly import supports
from utvm.microkernels.conv import (
    ChannelRanges,
    Rounding,
    channel_ranges,
    common_records,
    common_shift,
    pack_pairs,
    pack_wide,
    pairable,
    records,
    records_refusal,
    rounding_of,
    settled_channels,
    with_records,
)
from utvm.microkernels.conv.clamp import clamp_bytes, clamp_operands
from utvm.model.fixed_point import Int64Array
from utvm.model.operator_types import Conv2D
from utvm.model.tensor import Array, Tensor
from utvm.operators.kernel import CodeUnit
from utvm.schedules.template import Site

# A line of 32 bytes takes the M7 about 16 cycles, eight bytes take the M4 about 4. What stays in the smallest data
# caches of the chips around these cores, beside strip and outputs, is read once.
_FLASH_CYCLES_PER_BYTE = 0.5
_CACHED_BYTES = {"cortex-m7": 2048, "cortex-m4": 256, "cortex-m33": 4096}


@dataclass(frozen=True, eq=False)
class ConvChannels:
    """Output channels of a convolution over stored inputs: the input's zero point is in the biases.

    `weights` (OHWI) and `active_ranges` are zero for settled channels, whose output does not depend on them. `pairs`
    are the (low, high) channels that are computed together, `shift` what may be common to all. `refusal` says why they
    cannot be requantized exactly.
    """

    refusal: str
    weights: Array
    bias: Int64Array
    ranges: ChannelRanges
    active_ranges: ChannelRanges
    rounding: Rounding
    shift: int | None
    pairs: tuple[tuple[int, int], ...]


def plain_conv2d_refusal(site: Site) -> str:
    """Why no template for a single group applies, before any arithmetic."""
    reason = grouped_conv2d_refusal(site)
    return reason or ("grouped channels" if conv2d_groups(site) > 1 else "")


def grouped_conv2d_refusal(site: Site) -> str:
    """Why no template in assembly applies, before any arithmetic."""
    operator = site.operator
    if not isinstance(operator, Conv2D):
        return "not a Conv2D"
    if not supports(site.core):
        return f"{site.core.name} has no DSP instructions that assembly is scheduled for"
    _, weights, bias = site.inputs
    return "weights or bias are not constants" if weights.data is None or bias.data is None else ""


def conv2d_groups(site: Site) -> int:
    """The groups that a Conv2D's channels are in."""
    return site.inputs[0].shape[3] // site.inputs[1].shape[3]


@lru_cache(maxsize=8)
def conv_channels(site: Site) -> ConvChannels:
    """The channels of a site for which `grouped_conv2d_refusal` is empty; pairs keep within their group."""
    operator = conv2d_of(site)
    weights, stored = site.inputs[1].data, site.inputs[2].data
    assert weights is not None and stored is not None
    zero_point, requantization = operator.output_zero_point, operator.requantization
    taps = weights.reshape(weights.shape[0], -1)
    bias = stored.astype(np.int64) - operator.input_zero_point * taps.astype(np.int64).sum(axis=1)
    ranges = channel_ranges(taps, bias)
    rounding = rounding_of(zero_point, operator.clamp, requantization)
    settled = settled_channels(requantization, zero_point, ranges)
    active = np.where(settled[:, np.newaxis], np.int8(0), taps)
    size = weights.shape[0] // conv2d_groups(site)
    firsts = range(0, weights.shape[0], size)
    return ConvChannels(
        refusal=records_refusal(requantization, zero_point, rounding, ranges),
        weights=active.reshape(weights.shape),
        bias=bias,
        ranges=ranges,
        active_ranges=channel_ranges(active, np.where(settled, 0, bias)),
        rounding=rounding,
        shift=common_shift(requantization, zero_point, rounding, ranges),
        pairs=tuple((first + low, first + high) for first in firsts for low, high in channel_pairs(size)),
    )


@lru_cache(maxsize=8)
def wide_weights(site: Site) -> bool:
    """Whether weights must be int16, as those of two channels or their accumulators are too large to share a word."""
    channels = conv_channels(site)
    taps = channels.weights.reshape(channels.weights.shape[0], -1)
    return not all(pairable(taps, channels.active_ranges, low, high) for low, high in channels.pairs)


def packed_pairs(site: Site, taps: Array) -> Array:
    """What tiles read: per pair of channels its record, then its words of `taps` (int8 [channels, taps], even)."""
    operator, found, wide = conv2d_of(site), conv_channels(site), wide_weights(site)
    given = found.bias, operator.requantization, operator.output_zero_point, found.ranges, found.pairs
    behind = records(*given, wide) if found.shift is None else common_records(*given, found.shift, wide)
    return with_records((pack_wide if wide else pack_pairs)(taps, found.pairs), behind)


def conv2d_of(site: Site) -> Conv2D:
    """The site's operator, known to be a Conv2D."""
    assert isinstance(site.operator, Conv2D)
    return site.operator


def sweep_cycles(size_bytes: int, core: Core) -> float:
    """A guess of what it costs to read constants from flash once, beyond what instructions cost.

    Whatever is larger than the smallest data caches is read again each time.
    """
    return size_bytes * _FLASH_CYCLES_PER_BYTE if size_bytes > _CACHED_BYTES[core.name] else 0.0


def channel_pairs(channels: int) -> tuple[tuple[int, int], ...]:
    """Neighbours; the last of an odd number is computed with its neighbour a second time, a single one with itself."""
    if channels == 1:
        return ((0, 0),)
    found = [(low, low + 1) for low in range(0, channels - 1, 2)]
    return (*found, *([(channels - 2, channels - 1)] if channels % 2 else []))


def low_channel(channels: int) -> str:
    """The first channel of `pair`, as `channel_pairs` has them, in C."""
    if channels % 2 == 0:
        return "2 * pair"
    return "0" if channels == 1 else f"(pair < {channels // 2} ? 2 * pair : {channels - 2})"


@dataclass(frozen=True)
class OutputLimit:
    """What follows the tiles where outputs are clamped to less than int8: statements, and the units they call."""

    statements: tuple[str, ...] = ()
    units: tuple[CodeUnit, ...] = ()


def output_limit(operator: Conv2D, output: Tensor, core: Core) -> OutputLimit:
    """Nothing for an operator that uses all of int8."""
    if operator.clamp == (-128, 127):
        return OutputLimit()
    clamp = clamp_bytes(core)
    greatest, least = clamp_operands(operator.clamp)
    call = f"{clamp.name}(output, {output.element_count}, {greatest:#010x}u, {least:#010x}u);"
    return OutputLimit((call,), (clamp,))


def extents(shape: tuple[int, ...]) -> str:
    """A shape in a comment."""
    return "x".join(str(extent) for extent in shape)
