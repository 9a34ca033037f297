"""Code generated from proto/modeld/v1. This file alone is written by hand."""

from ..deferral import defer

# All generated code imports protobuf's implementation in Python, and with it the reading and
# writing of text. The compiled implementation does its work; str() of a message asks for the rest.
defer("google.protobuf.internal.python_message")
