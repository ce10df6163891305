"""What people read: summaries and explanations made from the marts alone."""
