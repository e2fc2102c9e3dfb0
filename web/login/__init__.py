"""Sign in with Globus Auth, and sign out."""
