"""The `umi-cloud` command."""

import sys
from typing import NoReturn

import click

from umi_shared.lazy_group import LazyGroup, run

SUMMARIES = {
    "serve": "Serve the planner and the summarizer over gRPC.",
    "ca": "Make the certificate authority of this deployment, and replace it.",
    "enroll": "Print a one-time token that connects one laptop; or those of many, from a list.",
    "revoke": "Shut laptops out, from their next call on.",
    "devices": "List the laptops: their standing, last seen, version and use.",
    "audit": "Export who let which laptop in or shut it out, and from where.",
    "backup": "Write the registry and the authority's keys into one file.",
    "restore": "Bring a backup back; whom the registry does not know is held.",
    "release": "Let laptops in again that a restore holds back.",
    "state": "Prepare the database that several servers share.",
    "ray": "Run the models, or planner and summarizer themselves, on a Ray cluster.",
    "render": "Print the prompts and targets a dialect makes of recorded conversations.",
    "evaluate": "Score the roles: step by step as the paper does, or in whole sessions.",
    "glpft": "Train the adapters of the three roles, as the paper does.",
    "adapters": "See the adapters that umi ships; write them for vLLM.",
}


@click.group(
    cls=LazyGroup,
    package="umi_cloud.commands",
    summaries=SUMMARIES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="umi-runtime", prog_name="umi-cloud")
def umi_cloud() -> None:
    """The planner and the summarizer that many laptops share.

    Start with `umi-cloud ca init`, `umi-cloud serve --config cloud.yaml` and `umi-cloud enroll NAME`.

    Exit codes: 0 done, 1 not done, 2 usage or configuration, 3 model, 4 tool, 5 the other side refused or broke the
    protocol, 6 connection, 7 privacy, 8 limit, 130 interrupted.
    """


def main(argv: list[str] | None = None) -> NoReturn:
    """Entry point."""
    run(umi_cloud, "umi-cloud", argv if argv is not None else sys.argv[1:])
