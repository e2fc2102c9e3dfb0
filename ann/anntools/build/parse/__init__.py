"""Readers of the formats that reference data comes in; all positions become 0-based half-open."""
