"""Makes the handbook's pictures from the demonstration: `make pictures`.

What belongs here: which pages are shown, and how much of them. What does not: any test.
"""

from __future__ import annotations

import base64
import json
import tempfile
from contextlib import closing
from pathlib import Path

import typst

from dagster_project.flow.releases import current
from dagster_project.report.board.content import content
from dagster_project.report.board.pdf import DOCUMENT
from dagster_project.report.site import write_site
from dagster_project.report.site.reading import Reading
from dagster_project.settings import data_folder, load_settings
from tests.browser.chromium import browsing

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
PAGES = {"laget": ("index.html", 1250), "nyckeltal": ("indicators/coordinated_share.html", 1150)}
WIDTH, SCALE = 1200, 0.75
PERIOD = "2022-Q3"


def main(data: Path | None = None) -> None:
    """Write every picture from the release in force in the data folder."""
    workspace = data_folder(data)
    release, settings = current(workspace), load_settings(workspace.settings_file)
    assert release is not None, "make run"
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as aside:
        site = Path(aside, "site")
        write_site(release.database, site, settings, release.as_of)
        with browsing(Path(aside, "profile")) as page:
            for name, (path, height) in PAGES.items():
                page.size(WIDTH, height)
                page.open((site / path).as_uri() + f"#period={PERIOD}-ytd")
                page.run("document.documentElement.style.scrollbarWidth = 'none'")
                clip = {"x": 0, "y": 0, "width": WIDTH, "height": height, "scale": SCALE}
                shot = page.send("Page.captureScreenshot", format="png", clip=clip)
                (PICTURES / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))
    reading = Reading.open(release.database, settings, release.as_of)
    with closing(reading.con):
        told = json.dumps(content(reading, PERIOD), ensure_ascii=False)
    compiler = typst.Compiler(DOCUMENT, ignore_system_fonts=True, sys_inputs={"report": told})
    pages = compiler.compile(format="png", ppi=80)
    first = pages if isinstance(pages, bytes) else (pages or [b""])[0]
    (PICTURES / "rapport.png").write_bytes(first)


if __name__ == "__main__":
    main()
