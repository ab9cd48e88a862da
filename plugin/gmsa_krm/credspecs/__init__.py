"""Credential specs: one model for all their forms, and every check of them."""
