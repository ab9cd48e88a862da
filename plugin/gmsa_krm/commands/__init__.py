"""The commands: a module each, with a function that takes the options and returns the exit status."""
