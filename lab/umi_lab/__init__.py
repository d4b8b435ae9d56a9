"""The laboratory: where the laptop's side and the cloud's meet, to make training data and to measure both."""
