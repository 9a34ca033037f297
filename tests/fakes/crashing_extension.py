"""A package that ends the program when it is imported."""

import sys

sys.exit("I cannot be imported")
