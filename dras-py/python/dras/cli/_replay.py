from __future__ import annotations
import click
@click.command()
def replay() -> int:
    """x"""
    return 0
