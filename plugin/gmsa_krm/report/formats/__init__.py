"""The formats of the picture, a module each, with a function `render(graph, changes)` that returns the text.

`changes`: with `--since`, else None. What a format needs of others is in `report/`: formats do not import each other.
"""
