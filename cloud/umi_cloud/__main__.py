"""`python -m umi_cloud` is `umi-cloud`."""

from umi_cloud.cli import main

if __name__ == "__main__":
    main()
