"""One conversation: its steps, its events, its record, and how it is saved."""
