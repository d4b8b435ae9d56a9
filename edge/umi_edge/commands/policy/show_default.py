"""`umi policy show-default`: the policy that ships."""

import click

from umi_shared.screen.output import say_text


@click.command()
def command() -> None:
    """Print the policy that holds when you have none: a start for your own."""
    from umi_edge.policy.loader import default_policy_text

    say_text(default_policy_text())
