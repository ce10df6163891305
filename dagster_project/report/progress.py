"""Shows how long work goes: a bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys

import click


class ConsoleProgress:
    """Tells the error stream, so that what a command answers stays clean on the output stream."""

    def __call__(self, step: str, done: int, total: int) -> None:
        if sys.stderr.isatty():
            width = 24
            filled = width * done // max(total, 1)
            click.echo(
                f"\r\x1b[K{'█' * filled}{'░' * (width - filled)} {done}/{total} {step}",
                nl=done == total,
                err=True,
            )
        elif done == total:
            click.echo(f"{step}: {total}", err=True)
