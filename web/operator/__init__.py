"""What an operator of the service sees: queues, dead letters, workers, counts.  Read-only."""
