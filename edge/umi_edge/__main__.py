"""`python -m umi_edge` is `umi`."""

from umi_edge.cli import main

if __name__ == "__main__":
    main()
