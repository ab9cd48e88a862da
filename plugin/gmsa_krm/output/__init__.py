"""Output formats: a stream, a folder, and the findings of lint."""
