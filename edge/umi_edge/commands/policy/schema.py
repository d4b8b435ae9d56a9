"""`umi policy schema`: the JSON Schema of the language."""

import click


@click.command()
def command() -> None:
    """Print the JSON Schema of the language, for your editor."""
    from umi_edge.policy.schema import schema_text

    click.echo(schema_text(), nl=False)
