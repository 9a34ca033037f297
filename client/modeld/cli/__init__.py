"""The command line. `root` has the table of commands; each is imported when it is called."""

from __future__ import annotations

import sys
from importlib import import_module

MISSING = """\
error: the command line needs a package that is not installed: {name}
hint: python -m pip install 'modeld[cli]'"""


def main() -> None:
    """Run the command that `sys.argv` names, and leave with its exit code."""
    try:
        root = import_module(".root", __name__)
        root.run()
    except ModuleNotFoundError as error:
        if error.name not in {"click", "rich"}:
            raise
        print(MISSING.format(name=error.name), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
