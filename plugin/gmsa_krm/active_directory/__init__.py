"""Active Directory as a source: snapshots of it, and what they are taken from.

`snapshot` is the model; every check uses it and nothing else of this room. Only `import ad` connects to a server.
"""
