"""Every figure of `make bench`: ratios within one run, medians of repeats that take turns, what else was running."""
