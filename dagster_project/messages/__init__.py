"""The message catalogue: what people read, by key, in each language.

A message is a key with arguments; `sv.yml` and `en.yml` hold the words. Another language is another file. What does
not belong here: when a message is given.
"""

from __future__ import annotations

import functools
from pathlib import Path

from dagster_project.shipped import read_yaml

LANGUAGES = ("sv", "en")


@functools.cache
def _catalogue(language: str) -> dict[str, str]:
    path = Path(__file__).with_name(f"{language}.yml")
    words = read_yaml(path)
    return {str(key): str(value) for key, value in words.items()}


def message(key: str, language: str = "sv", **arguments: object) -> str:
    """The words of `key` with its `{arguments}` filled in; KeyError when the key or an argument is missing."""
    return _catalogue(language)[key].format(**arguments)


def outline(key: str, language: str = "sv", **arguments: object) -> str:
    """The words of `key` with … in every place that no argument fills: for readers who may not see the values."""
    return _catalogue(language)[key].format_map(_Blank(arguments))


class _Blank(dict[str, object]):
    def __missing__(self, place: str) -> str:
        return "…"


@functools.cache
def known_keys(language: str) -> frozenset[str]:
    """All keys of one language's catalogue."""
    return frozenset(_catalogue(language))
