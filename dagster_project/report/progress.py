"""Shows how long work goes: a bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys

import click


class ConsoleProgress:
    """Tells the error stream, so that what a command answers stays clean on the output stream."""

    def __init__(self) -> None:
        # The screen's stream, whatever is put in its place while others talk.
        self._screen = sys.stderr

    def __call__(self, step: str, done: int, total: int) -> None:
        if self._screen.isatty():
            width = 24
            filled = width * done // max(total, 1)
            click.echo(
                f"\r\x1b[K{'█' * filled}{'░' * (width - filled)} {done}/{total} {step}",
                nl=done == total,
                file=self._screen,
            )
        elif done == total:
            click.echo(f"{step}: {total}", file=self._screen)
