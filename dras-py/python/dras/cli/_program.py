"""The program: its commands, and how it ends."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

import dras

EXIT_CODES = """\b
Exit codes:
  0    all is well
  1    findings: errors, denied warnings, files that are not formatted
  2    the command line is wrong, or a file cannot be read
  130  interrupted (Ctrl-C)
  141  nobody reads the output any more"""


class Program(click.Group):
    """A group of commands that never shows a traceback and ends with the documented codes."""

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        extra["standalone_mode"] = False
        for stream in (sys.stdout, sys.stderr):
            # A terminal that does not know a character, or a file whose name is none, is no reason to end with an error.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            code = super().main(args, prog_name, **extra)
            sys.stdout.flush()
        except click.ClickException as error:
            error.show()
            code = max(error.exit_code, 2)
        except (click.Abort, KeyboardInterrupt):
            code = 130
        except dras.InternalError as error:
            click.echo(f"Error: a mistake in dras itself, please report it: {error}", err=True)
            code = 2
        except dras.DrasError as error:
            click.echo(f"Error: {error}", err=True)
            code = 2
        except RecursionError:
            click.echo("Error: the input is nested too deep", err=True)
            code = 2
        except MemoryError:
            click.echo("Error: there is not enough memory for this input", err=True)
            code = 2
        except OSError as error:
            code = _broken(error)
        except SystemExit as error:
            # The end of a shell's completion; and how click ends where the reader of the output has gone.
            code = error.code if "_DRAS_COMPLETE" in os.environ else _broken(BrokenPipeError(errno.EPIPE, "nobody reads"))
        sys.exit(code if isinstance(code, int) else 0)


def _broken(error: OSError) -> int:
    if error.errno == errno.EPIPE:
        # What is left in the buffer cannot be written either, and Python would complain of that at its end.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        return 141
    click.echo(f"Error: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""), err=True)
    return 2


def _colour(ctx: click.Context, _: click.Parameter, value: str) -> None:
    """Colours where a person reads: on a terminal, unless ``NO_COLOR`` is set (no-color.org)."""
    if value == "auto":
        ctx.color = False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None
    else:
        ctx.color = value == "always"


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, epilog=EXIT_CODES)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    expose_value=False,
    callback=_colour,
    help="Colours: on a terminal, unless NO_COLOR is set; always; never.",
)
@click.version_option(dras.__version__, "-V", "--version", prog_name="dras", message="%(prog)s %(version)s")
def program() -> None:
    """Rules that decide about the resources of running Apache Flink jobs: check, format and explain them, and replay them over what was recorded.

    \b
    dras check rules/*.yaml
    dras explain 'cpu > 80% && lag > 5m' cpu=0.9 lag=7m
    dras replay trace.csv --rules etl.yaml --parallelism 4
    """


def _add_commands() -> None:
    from ._check import check
    from ._explain import explain
    from ._fmt import fmt
    from ._reference import functions, schema
    from ._replay import replay

    for command in (check, explain, fmt, functions, replay, schema):
        program.add_command(command)


_add_commands()
