"""The user's workloads: changed as the configs ask, and validated."""
