"""The picture of who may become which AD account, and what bypasses the check.

`model` is the graph, and what formats read; `build` makes it of Kubernetes objects and snapshots of Active Directory;
`since` compares it with an earlier one. A format is a module in `formats`, which takes a graph and returns a text. All
of it computes only: `commands/who_can.py` reads files and the cluster.
"""
