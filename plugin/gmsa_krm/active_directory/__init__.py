"""Active Directory as a source: snapshots of it, and what they are taken from.

`snapshot` is the model, and `compare` the checks against it; both read no file. Only `import ad` connects to a server.
"""
