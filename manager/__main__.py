"""`python -m manager`: the same as `enrichd`."""

from manager.cli import main

main()
