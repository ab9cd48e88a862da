"""Config -> objects of the cluster, one module per thing. Nothing here reads a file, the clock or the environment."""
