"""`python -m provisioning.slots`: waits until the house is well and marks its slot good.

Owns: the exit status.
Does not know: how that is found out (see `proving`).
"""

from __future__ import annotations

import sys

from provisioning.slots.proving import main

if __name__ == "__main__":
    sys.exit(main())
