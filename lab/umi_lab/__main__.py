"""`python -m umi_lab`: make episodes, and measure a whole system on held-out ones."""

from umi_lab.cli import main

if __name__ == "__main__":  # processes of an evaluation import this module, too
    main()
