"""A real Chromium for the tests, and what judges a page in it. The tests themselves lie with what they test."""
