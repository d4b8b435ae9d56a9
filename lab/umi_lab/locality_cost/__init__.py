"""What locality costs on the laptop: one step from a tool's result to the bytes that leave."""
