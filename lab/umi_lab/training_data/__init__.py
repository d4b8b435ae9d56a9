"""Training data: what a recipe's `data` section makes."""
