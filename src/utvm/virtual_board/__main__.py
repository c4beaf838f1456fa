"""`python -m utvm.virtual_board`."""

import sys

from utvm.virtual_board.command import main

sys.exit(main())
