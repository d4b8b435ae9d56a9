"""A laptop put together: configuration, installed tools, conversation, demo."""
