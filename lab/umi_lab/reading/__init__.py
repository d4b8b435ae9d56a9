"""How well the reader on the device answers questions out of texts."""
