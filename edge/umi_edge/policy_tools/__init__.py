"""Tools to write policy with: tests, proofs, backtests, starters and signatures. None of them decides anything."""
