"""The owner's annotations: the list, one in detail, its log, its files."""
