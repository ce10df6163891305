"""What a run says besides its results: what libraries print is kept in `warehouse/logs/latest-run.log`, and what
breaks a step is let through to Dagster, which keeps it and shows it, without personal numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from itertools import pairwise

from dagster_project.flow.faults import chain
from dagster_project.flow.values.identity import mask
from dagster_project.settings import Workspace


@contextmanager
def kept_off_screen(workspace: Workspace) -> Iterator[None]:
    """Send what is printed to the log of the latest run; OSError where it cannot be written.

    Both streams: Dagster prints on the error stream what its own database could not take.
    """
    log = workspace.warehouse / "logs" / "latest-run.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream, redirect_stdout(stream), redirect_stderr(stream):
        yield


class Retold(Exception):
    """A fault whose words hold a personal number and cannot be changed, told anew without it."""


@contextmanager
def persons_masked() -> Iterator[None]:
    """Mask personal numbers in the words of what breaks inside: a library's error may quote a delivered value."""
    try:
        yield
    except Exception as error:
        links = list(chain(error))
        for link in links:
            link.args = tuple(mask(one) if isinstance(one, str) else one for one in link.args)
            if isinstance(link, OSError) and isinstance(link.filename, str):
                link.filename = mask(link.filename)
        for link, behind in pairwise(links):
            if _quotes(behind):
                link.__cause__ = _retold(behind)
        if _quotes(error):
            raise _retold(error) from None
        raise


def _quotes(error: BaseException) -> bool:
    return mask(str(error)) != str(error)


def _retold(error: BaseException) -> Retold:
    return Retold(mask(f"{type(error).__name__}: {error}"))
