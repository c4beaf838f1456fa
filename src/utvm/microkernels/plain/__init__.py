"""Inner loops in plain C, with as many sums at a time as registers hold: for cores without instructions for several."""

from utvm.microkernels.plain.depthwise import depthwise_sums
from utvm.microkernels.plain.gather import GATHER
from utvm.microkernels.plain.tile import STEP, pack_tiles, tile_sums

__all__ = ["GATHER", "STEP", "depthwise_sums", "pack_tiles", "tile_sums"]
