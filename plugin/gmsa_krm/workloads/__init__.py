"""Changes to the user's own pods, and what is to be said of them."""
