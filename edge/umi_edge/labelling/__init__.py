"""Values that enter a session become labelled text, and leave it by `release` only."""
