"""The documents name only what is there: commands, options, make targets, files, headings."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from dagster_project.cli import cli

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    \$ (.*)$", re.MULTILINE)
QUOTED = re.compile(r"`((?:mattstock|make) [^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"")
PLACEHOLDER = re.compile(r"^[A-ZÅÄÖ_]+$")


def commands(page: Path) -> list[list[str]]:
    """Every `mattstock` and `make` command of a page, as words."""
    text = page.read_text(encoding="utf-8")
    lines = [line for block in FENCED.findall(text) for line in block.splitlines()]
    found = [
        shlex.split(line, comments=True) for line in [*lines, *INDENTED.findall(text), *QUOTED.findall(text)]
    ]
    return [words for words in found if words and Path(words[0]).name in ("mattstock", "make")]


def make_targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get: lower case, signs removed, spaces as hyphens."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.casefold()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_exists(page: Path) -> None:
    for words in commands(page):
        if words[0] == "make":
            assert set(words[1:]) <= make_targets(), words
            continue
        if len(words) == 1 or words[1].startswith("-"):
            continue
        assert words[1] in cli.commands, words
        command = cli.commands[words[1]]
        # The words are parsed as the command line would; a placeholder stands for any value.
        given = ["1" if PLACEHOLDER.match(word) else word for word in words[2:]]
        needed = sum(isinstance(parameter, click.Argument) for parameter in command.params)
        positional = [word for word in given if not word.startswith("-")]
        if len(positional) < needed:
            given += ["1"] * (needed - len(positional))
        with command.make_context(words[1], given):
            pass


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    for groups in LINK.findall(page.read_text(encoding="utf-8")):
        link = next(group for group in groups if group)
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file) if file else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_the_first_screen_of_the_readme_names_the_two_commands_and_shows_the_result() -> None:
    first = README.read_text(encoding="utf-8").split("\n## ")[0]
    assert ["make", "run"] in commands(README)
    assert ["make", "test"] in commands(README)
    assert "docs/run.svg" in first
    assert len(first.splitlines()) <= 25


def test_the_picture_asks_for_nothing_on_the_network() -> None:
    picture = (ROOT / "docs" / "run.svg").read_text(encoding="utf-8")
    assert re.findall(r"(?:https?:)?//[^\s\"')]+", picture) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in picture
    assert "@import" not in picture
    assert "href" not in picture


def test_the_readme_lists_every_command() -> None:
    listed = {words[1] for words in commands(README) if words[0] == "mattstock"}
    assert listed == set(cli.commands)
