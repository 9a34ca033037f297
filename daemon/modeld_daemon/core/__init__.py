"""The hall of the daemon: it knows values, and neither gRPC nor a vendor SDK nor SQL."""
