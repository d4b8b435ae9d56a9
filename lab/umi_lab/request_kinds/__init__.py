"""Request kinds: the model that tells on the device what the user's words ask for is fitted, and measured."""
