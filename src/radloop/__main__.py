"""`python -m radloop` is the `radloop` command, so that DVC stages need no console script on PATH."""

from radloop.cli import main

main()
