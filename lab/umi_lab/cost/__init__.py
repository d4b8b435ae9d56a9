"""What it costs: the split agent beside a single model that does it all, in one run."""
