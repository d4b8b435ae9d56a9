"""`umi config`: the configuration file, with every setting explained."""

from pathlib import Path

import click

from umi_shared.screen.output import say, say_text


@click.command()
@click.option(
    "--path", "only_path", is_flag=True, help="Print where the file is looked for, and nothing else."
)
@click.option("--write", is_flag=True, help="Write it there, unless there is one.")
def command(*, only_path: bool, write: bool) -> None:
    """Print a configuration file with every setting, its default and what it is for.

    Start your own from it; every setting is optional. The file is config.yaml in this user's configuration folder,
    unless UMI_CONFIG names another. An administrator may set `policy`, `require_signed_policy` and `preview` for every
    user, in /etc/umi/umi.yaml on Linux and in umi.yaml of the system's own folder elsewhere; `umi doctor` says which.
    """
    import os
    from importlib import resources

    from umi_edge.runtime.config import config_path
    from umi_shared.durable_file import make_private_directory, write_durably
    from umi_shared.errors import ConfigError

    path = Path(os.environ.get("UMI_CONFIG") or config_path())
    if only_path:
        say(str(path))
        return
    example = resources.files("umi_edge").joinpath("config.example.yaml").read_text(encoding="utf-8")
    if not write:
        say_text(example)
        return
    if path.exists():
        raise ConfigError(f"there is a configuration at {path} already", fix="move it away, or edit it")
    make_private_directory(path.parent)
    write_durably(path, example.encode())
    say(f"Written to {path}: edit it, then `umi doctor`.")
