"""Config -> objects for the API server, a module per thing. Nothing here reads a file, the clock or the environment."""
