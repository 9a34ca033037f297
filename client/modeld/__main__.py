"""`python -m modeld` is `modeld`: files of the working folder stand in for no module of Python's."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # the working folder, where a task may be named math.py

    from .cli import main

    main()
