"""`python -m umi_lab`: make episodes, and measure a whole system on held-out ones."""

from umi_lab.cli import main

main()
