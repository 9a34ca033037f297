"""What outlives a call: SQLite databases, and memory for where there is no disk."""
