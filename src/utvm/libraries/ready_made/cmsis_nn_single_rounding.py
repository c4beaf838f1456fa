"""Templates for CMSIS-NN compiled with CMSIS_NN_USE_SINGLE_ROUNDING: what LiteRT, too, rounds once."""

from utvm.libraries.ready_made.cmsis_nn.fully_connected import FullyConnected

TEMPLATES = (FullyConnected(rounds_once=True),)
