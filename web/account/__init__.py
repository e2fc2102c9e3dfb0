"""A person's own account: consent, sessions, activity, their data, the end of it."""
