"""modeld beside the openai SDK in one run, against a local fake upstream: `make bench`."""
