"""The terms and the privacy notice."""
