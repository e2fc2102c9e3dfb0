"""How the bundled tables are made; nothing here runs in an installed engine."""
