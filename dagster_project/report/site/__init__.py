"""The site of a release: static pages made from its published tables, read from disk without server or network.

`write_site` makes every page. A page is a module in `pages/` over the marts that it needs, with a template; a new
mart gets its page by a new module, and no other is touched. What does not belong here: any arithmetic on figures,
which is the marts', and when the site is made (`report/render.py`).
"""

from dagster_project.report.site.write import write_site

__all__ = ["write_site"]
