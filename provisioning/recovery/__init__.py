"""What a box shows when the house does not start: one page, from Python's own library alone, and nothing that could fail with the house."""
