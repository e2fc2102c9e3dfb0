"""`python -m ann.anntools`."""

import os
import sys

# NumPy's linear algebra would start a thread a core; nothing here uses it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251  # read by NumPy as it loads

from ann.anntools.cli import main  # NumPy must load after the line above

sys.exit(main())
