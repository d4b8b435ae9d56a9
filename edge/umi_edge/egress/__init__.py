"""The way out: the guard over the serialized bytes, and the client that sends them."""
