from __future__ import annotations
import click
@click.command()
def explain() -> int:
    """x"""
    return 0
