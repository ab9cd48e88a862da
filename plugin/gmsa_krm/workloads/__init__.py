"""Changes the user's workloads as the configs ask, and validates them."""
