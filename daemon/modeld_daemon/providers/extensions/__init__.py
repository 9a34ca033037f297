"""Providers of other packages: found, loaded and kept from harming anybody else."""
