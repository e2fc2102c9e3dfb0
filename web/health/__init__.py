"""Whether this process answers, and whether what it needs does."""
