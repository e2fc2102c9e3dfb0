"""A new annotation: permit an upload, show its return, submit it."""
