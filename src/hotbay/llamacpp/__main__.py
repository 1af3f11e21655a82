"""`python -m hotbay.llamacpp` is `hotbay llama-server`."""

import sys

from hotbay.llamacpp.server import main

raise SystemExit(main(sys.argv[1:]))
