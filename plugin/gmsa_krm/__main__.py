"""`python -m gmsa_krm`."""

import sys

from gmsa_krm.cli import main

sys.exit(main())
