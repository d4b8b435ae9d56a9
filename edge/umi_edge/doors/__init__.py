"""Doors: other programs on this laptop talk to umi through these."""
