"""The report to the board: a few pages of PDF about one period, made from one release's published tables.

`board_report` makes it. What is told is chosen and worded in `content.py`, charts are placed in `drawing.py`, the look
is `report.typ`. What does not belong here: any arithmetic on figures, which is the marts', and which release a period
is reported from (`flow/closing.py`).
"""

from dagster_project.report.board.pdf import board_report

__all__ = ["board_report"]
