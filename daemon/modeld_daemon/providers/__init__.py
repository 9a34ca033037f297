"""The back balcony of the daemon: vendors and engines, one folder or file a dialect."""
