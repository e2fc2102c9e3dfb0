"""What the service is made of: audited, listed, licensed.  Run by `make audit` and `make sbom`."""
