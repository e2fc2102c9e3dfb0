"""The reference that comes with the engine: compact tables, their loader and their maker."""
