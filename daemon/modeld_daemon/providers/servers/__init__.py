"""Servers that speak OpenAI's APIs: somebody else's by their address, else started by the daemon."""
