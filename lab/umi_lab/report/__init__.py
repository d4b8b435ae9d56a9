"""The report: recorded rows become checked-in figures, and figures become docs/evaluation.md."""
