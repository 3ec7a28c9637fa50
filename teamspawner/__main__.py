"""Run the commands as ``python -m teamspawner``."""

import sys

from teamspawner.cli import main

sys.exit(main())
