"""Chaos: whole sessions while processes are killed, links fail, clocks go wrong and disks are full; and the judge."""
