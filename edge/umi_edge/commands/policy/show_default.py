"""`umi policy show-default`: the policy that ships."""

import click


@click.command()
def command() -> None:
    """Print the policy that holds when you have none: a start for your own."""
    from umi_edge.policy.loader import default_policy_text

    click.echo(default_policy_text(), nl=False)
