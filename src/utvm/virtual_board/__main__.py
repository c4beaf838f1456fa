"""`python -m utvm.virtual_board`."""

import sys

from utvm.virtual_board.command import main

if __name__ == "__main__":
    sys.exit(main())
