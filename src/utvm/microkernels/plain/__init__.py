"""Inner loops in plain C, with as many sums at a time as registers hold: for cores without instructions for several."""

from utvm.microkernels.plain.depthwise import depthwise_sums
from utvm.microkernels.plain.gather import gather_row
from utvm.microkernels.plain.tile import pack_tiles, tile_sums

__all__ = ["depthwise_sums", "gather_row", "pack_tiles", "tile_sums"]
