"""`python -m modeld_daemon`: the daemon of modeld."""

from __future__ import annotations

import gc
import os
import sys

# What is imported stays: looking for garbage in it is a twentieth of the time until it serves.
gc.disable()
# grpc's event engine would take messages from the socket in threads of its own and wake ours for
# each. A version that does not know these names goes on without a word. Not in clients: ADR 17.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")
try:
    from .app.compose import compose
    from .app.program import run
except ImportError as error:
    # Whoever waits at the other end of --ready-fd hears why, instead of a death without a word.
    reason = f"{error}. Install what the daemon needs with: pip install 'modeld[daemon]'"
    if "--ready-fd" in sys.argv[1:-1]:
        fd = int(sys.argv[sys.argv.index("--ready-fd") + 1])
        os.write(fd, f"FAILED error {reason}\n".encode())
    sys.exit(f"modeld: {reason}")
gc.enable()

if __name__ == "__main__":
    sys.exit(run(None, compose))
