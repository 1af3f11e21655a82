"""`python -m hotbay` is `hotbay`."""

from hotbay.cli.main import main

raise SystemExit(main())
