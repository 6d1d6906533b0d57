"""What sources of engines share: a token that travels to workers, plans on the driver, a slice read by a worker."""
