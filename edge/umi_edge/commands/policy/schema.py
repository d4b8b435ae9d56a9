"""`umi policy schema`: the JSON Schema of the language."""

import click

from umi_shared.screen.output import say_text


@click.command()
def command() -> None:
    """Print the JSON Schema of the language, for your editor."""
    from umi_edge.policy.schema import schema_text

    say_text(schema_text())
