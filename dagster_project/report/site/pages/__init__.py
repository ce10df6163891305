"""The kinds of pages. Each module is one: its `KIND` says which marts it needs and makes its pages.

A new mart gets its page by a new module and a template here; nothing else is touched.
"""
