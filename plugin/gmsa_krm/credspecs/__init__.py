"""Credential specs: one model for every form that they come in, and every check of them."""
