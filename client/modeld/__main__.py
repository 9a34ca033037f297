"""`python -m modeld` is `modeld`."""

from .cli import main

if __name__ == "__main__":
    main()
