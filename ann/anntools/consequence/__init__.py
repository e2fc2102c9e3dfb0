"""What an allele does to a transcript: Sequence Ontology terms, HGVS and the ANN text."""
