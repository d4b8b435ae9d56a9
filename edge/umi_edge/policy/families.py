"""The families of tools that umi brings; their names are taken."""

__all__ = ["BUILT_IN", "BUILT_IN_FAMILIES", "FOREIGN", "PYTHON"]

BUILT_IN = "builtin"
"""The source of a tool that is part of umi: names, descriptions and schemas are constants of the program."""

PYTHON = "python"
"""The source of a tool that is the user's own Python function."""

FOREIGN = "mcp:"
"""How the source of a server's tool begins; what it says of itself never lowers a confirmation."""

BUILT_IN_FAMILIES = ("calendar", "contacts", "files", "mail", "notes", "search", "value")
"""They run on the device, and a policy may know them by these names."""
