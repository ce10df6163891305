"""The workbook of a release: the quarter's figures, the records behind them and the marts, for Excel.

What does not belong here: any figure's arithmetic (the marts), and the pages (`report/site`).
"""

from dagster_project.report.workbook.write import write_workbook

__all__ = ["write_workbook"]
