"""Options that several commands have."""

from __future__ import annotations

import click

files_argument = click.argument("files", nargs=-1, required=True, metavar="FILES...")
input_format = click.option(
    "--input-format",
    type=click.Choice(["json", "yaml", "toml"]),
    help="What FILES hold, where their names do not say it. [default: by the file's name]",
)
library_option = click.option(
    "--library", multiple=True, metavar="DIR", help="A folder with documents that others may extend. Can be given several times."
)
