"""HTTP/1.1 for all dialects: what the hot path needs of it, and nothing else."""
