"""One file a step, from an empty database on."""
