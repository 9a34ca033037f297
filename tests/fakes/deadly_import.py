"""A package whose native code aborts when it is imported."""

import os

os.abort()
