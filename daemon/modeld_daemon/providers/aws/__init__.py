"""Amazon Web Services: regions, credentials, signatures, event streams and errors."""
