"""`python -m utvm.virtual_board`."""

import os
import sys

from utvm.virtual_board.command import main

if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not by sys.exit: the interpreter's teardown of the emulator sometimes crashes, and nothing is left to save.
    os._exit(status)
