"""The hosts: each reads its wire form, runs the pipeline, and writes the same form."""
