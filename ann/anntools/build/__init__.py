"""Making compiled references: from the bundled tables, from downloads, from an operator's files."""
