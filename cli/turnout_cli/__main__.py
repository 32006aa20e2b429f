"""The `turnout` command. Each subcommand is a module of its own, loaded when it is asked for, so that `--help` is quick.

Rules: thin: options in, a composition of the rooms below, exit codes out (0 good, 1 found something wrong, 2 misuse).
"""

import importlib
from typing import ClassVar

import click

from turnout_contract import __version__


class _Commands(click.Group):
    """Subcommands by name, each an attribute `command` of its module."""

    MODULES: ClassVar[dict[str, str]] = {
        "gateway": "turnout_cli.gateway",
        "operator": "turnout_cli.run_operator",
        "serve": "turnout_cli.serve",
        "simulate-provider": "turnout_cli.simulate",
        "status": "turnout_cli.status",
        "validate": "turnout_cli.validate",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, sorted."""
        return sorted(self.MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name."""
        module = self.MODULES.get(cmd_name)
        if module is None:
            return None
        command = importlib.import_module(module).command
        return command if isinstance(command, click.Command) else None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="turnout")
def main() -> None:
    """Turnout: one governed way to language models, on Kubernetes and off it."""


if __name__ == "__main__":
    main()
