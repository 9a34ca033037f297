"""The street side of the daemon: gRPC servicers that map in, call the core, and map out."""
