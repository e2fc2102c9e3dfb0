"""`python -m ann.anntools`."""

import sys

from ann.anntools.cli import main

sys.exit(main())
