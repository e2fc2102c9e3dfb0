"""The person's profile and plan."""
