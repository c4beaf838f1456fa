"""Convolutions, depthwise ones and fully connected layers in plain C for any core: a tile of sums at a time."""

from __future__ import annotations

from collections.abc import Mapping

from utvm.microkernels.plain import depthwise_sums, pack_tiles, tile_sums
from utvm.microkernels.scaling import ScaleKind
from utvm.model.operator_types import Conv2D, DepthwiseConv2D, FullyConnected
from utvm.operators.kernel import CKernel, CodeUnit, KernelArgument
from utvm.operators.overlap import Overlap
from utvm.schedules.plain_pixels import Pixels
from utvm.schedules.plain_scales import rows_of_weights, scales_of
from utvm.schedules.schedule import KnobValue, Schedule
from utvm.schedules.template import Site, Template

# Compilers keep no sixteen sums in registers where they also unroll, whatever the core.
_SIZES = (2, 1, 4)
_SIZES_OF_FEW_REGISTERS = (1, 2, 4)
_GROUPS = (4, 2)
_UNROLLS = (2, 4)
_TILES = (1, 8)
_FEW_REGISTERS = ("cortex-m0", "cortex-m0plus")
# Rough, for all cores alike: cycles per load and per product of a tile, per tap of a depthwise window, per output, per
# gathered byte, and per pixel; cores of few registers take so many times as long.
_LOAD_CYCLES = 1.0
_PRODUCT_CYCLES = 2.1
_TAP_CYCLES = 5.0
_OUTPUT_CYCLES = 30.0
_BYTE_CYCLES = 5.0
_PIXEL_CYCLES = 60.0
_FEW_REGISTERS_FACTOR = 2.0


class PlainTiles(Template):
    """Constant symmetric weights, one group of channels, and requantization that splits into 32-bit products."""

    name = "plain_tiles"

    def refusal(self, site: Site) -> str:
        """Other operators, unknown or asymmetric weights, groups, scales that are not exact."""
        operator = site.operator
        if not isinstance(operator, Conv2D | DepthwiseConv2D | FullyConnected):
            return f"{type(operator).__name__} is neither fully connected nor a convolution"
        image, weights, bias = site.inputs
        if weights.data is None or bias.data is None:
            return "weights and bias are not constants"
        if isinstance(operator, FullyConnected) and operator.weights_zero_point != 0:
            return f"the weights' zero point is {operator.weights_zero_point}, not 0"
        if isinstance(operator, Conv2D) and weights.shape[3] != image.shape[3]:
            return "channels are in groups"
        found = scales_of(site)
        return found if isinstance(found, str) else ""

    def knobs(self, site: Site) -> Mapping[str, tuple[KnobValue, ...]]:
        """`pixels` and `channels` of a tile, the taps to `unroll`; a depthwise window has none."""
        if isinstance(site.operator, DepthwiseConv2D):
            return {}
        sizes = _SIZES_OF_FEW_REGISTERS if site.core.name in _FEW_REGISTERS else _SIZES
        count = Pixels.of(site).count
        return {
            "pixels": tuple(size for size in sizes if size <= count),
            "channels": _GROUPS,
            "unroll": _UNROLLS,
            "tiles": tuple(tiles for tiles in _TILES if tiles <= count),
        }

    def conflict(self, site: Site, schedule: Schedule) -> str:
        """There are not always pixels for as many tiles."""
        together, count = _pixels(schedule), Pixels.of(site).count
        return f"knob tiles: {together} pixels together where there are {count}" if together > count else ""

    def estimated_cycles(self, site: Site, schedule: Schedule) -> float:
        """By loads, products, outputs, and what is gathered."""
        pixels, outputs = _windows(site, schedule), site.outputs[0].element_count
        rows, depth = rows_of_weights(site).shape
        macs = pixels.count * rows * depth
        gathered = pixels.gathered_share * pixels.count * pixels.vector_bytes * _BYTE_CYCLES
        if isinstance(site.operator, DepthwiseConv2D):
            products = macs * _TAP_CYCLES
        else:
            size, channels = int(schedule.knob("pixels")), int(schedule.knob("channels"))
            products = macs * (_PRODUCT_CYCLES + _LOAD_CYCLES * (1 / size + 1 / channels))
        total: float = products + outputs * _OUTPUT_CYCLES + gathered + pixels.count * _PIXEL_CYCLES
        return total * _FEW_REGISTERS_FACTOR if site.core.name in _FEW_REGISTERS else total

    def scratch_bytes(self, site: Site, schedule: Schedule) -> int:
        """Sums of a tile's pixels, and their windows where they are gathered."""
        return _sums_bytes(site, schedule) + _vectors_bytes(site, schedule)

    def overlap(self, site: Site, schedule: Schedule) -> Overlap | None:
        """As far as windows have been read: those of a tile's pixels before any of them is written."""
        if isinstance(site.operator, FullyConnected):
            return None
        return _windows(site, schedule).overlap(_pixels(schedule))

    def kernel(self, site: Site, schedule: Schedule) -> CKernel:
        """Tiles of pixels, all channels of each."""
        scales = scales_of(site)
        assert not isinstance(scales, str)
        kind, pixels, size = ScaleKind.of(scales), _windows(site, schedule), _pixels(schedule)
        depthwise, weights = isinstance(site.operator, DepthwiseConv2D), rows_of_weights(site)
        unit = _unit(site, schedule)
        scaling = kind.unit()
        gathers = pixels.gathered_share > 0
        scratch = [KernelArgument("sums", "scratch", size_bytes=_sums_bytes(site, schedule))]
        if gathers:
            scratch.append(KernelArgument("vectors", "scratch", size_bytes=_vectors_bytes(site, schedule)))
        packed, channels = weights, len(weights)
        if not depthwise:
            packed = pack_tiles(weights, _channels(schedule), _unroll(schedule))
            channels = len(packed) * _channels(schedule)
        sums = (
            f"{unit.name}(x, x_step, weights, sums, {site.inputs[0].shape[3]});"
            if depthwise
            else f"{unit.name}(x, x_step, weights, {packed.shape[1] // _channels(schedule)}, sums, {channels}, "
            f"{len(packed)});"
        )
        low, high = site.operator.clamp  # type: ignore[attr-defined]
        outputs = len(weights)
        finish = [
            f"for (int32_t i = 0; i < {size}; ++i) {{",
            f"    {scaling.name}(sums + {channels} * i, y + {outputs} * i, {outputs}, scales, {high - low}, {low});",
            "}",
        ]
        return CKernel(
            stem=f"{pixels.stem}_plain",
            body=pixels.loop(size, [sums, *finish]),
            types=(
                "const int8_t",
                "int8_t",
                "const int8_t",
                "const int32_t",
                "int32_t",
                *(["int8_t"] if gathers else []),
            ),
            arguments=(
                KernelArgument("input", "tensor", site.inputs[0].name),
                KernelArgument("output", "tensor", site.outputs[0].name, written=True),
                KernelArgument("weights", "constant", data=packed),
                KernelArgument("scales", "constant", data=kind.table(scales)),
                *scratch,
            ),
            comments=(f"{len(weights)} outputs of {weights.shape[1]} taps, tiles of {size} pixel(s)",),
            units=(unit, scaling, *([pixels.gathering] if gathers else [])),
        )


def _pixels(schedule: Schedule) -> int:
    """How many are gathered, multiplied and scaled together."""
    knobs = dict(schedule.knobs)
    return int(knobs.get("pixels", 1)) * int(knobs.get("tiles", 1))


def _channels(schedule: Schedule) -> int:
    return int(schedule.knob("channels"))


def _unroll(schedule: Schedule) -> int:
    return int(dict(schedule.knobs).get("unroll", 1))


def _windows(site: Site, schedule: Schedule) -> Pixels:
    return Pixels.of(site, _unroll(schedule))


def _unit(site: Site, schedule: Schedule) -> CodeUnit:
    operator = site.operator
    if isinstance(operator, DepthwiseConv2D):
        window = (site.inputs[1].shape[1], site.inputs[1].shape[2])
        return depthwise_sums(window, site.inputs[0].shape[3], operator.depth_multiplier)
    return tile_sums(int(schedule.knob("pixels")), _channels(schedule), _unroll(schedule), int(schedule.knob("tiles")))


def _sums_bytes(site: Site, schedule: Schedule) -> int:
    rows = len(rows_of_weights(site))
    if isinstance(site.operator, DepthwiseConv2D):
        return 4 * rows
    return 4 * -(-rows // _channels(schedule)) * _channels(schedule) * _pixels(schedule)


def _vectors_bytes(site: Site, schedule: Schedule) -> int:
    pixels = _windows(site, schedule)
    return pixels.vector_bytes * _pixels(schedule) if pixels.gathered_share > 0 else 0
