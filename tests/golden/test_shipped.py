"""The shipped demonstration is what the generator makes, so that nothing in it was edited by hand."""

from __future__ import annotations

from pathlib import Path

from dagster_project.demo import generate

SHIPPED = Path(__file__).resolve().parents[2] / "data"


def content(folder: Path) -> dict[str, bytes]:
    files = [
        folder / "organisation.yml",
        *sorted(
            path
            for part in ("raw", "marts/samples/2022-S1")
            for path in (folder / part).rglob("*")
            if path.is_file()
        ),
    ]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_shipped_deliveries_are_the_generators(tmp_path: Path) -> None:
    generate(tmp_path / "demo", organisation="demo", invoice_lines=3000, seed=1, variant="clean")
    made, shipped = content(tmp_path / "demo"), content(SHIPPED)
    assert made.keys() == shipped.keys()
    assert [name for name in made if made[name] != shipped[name]] == []
