"""What must be so before grpc is imported. The room imports this first."""

from __future__ import annotations

import os

from ..deferral import defer

# grpc reads these when it is imported: the first makes a fork safe, the second keeps grpc from
# writing to the user's stderr.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "1")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

# Who waits for a message takes it from the socket itself: with the event engine of newer versions
# threads of its pool do, and wake the one that waits, which is a fifth of a call's CPU. A version
# that does not know these names goes on without a word.
os.environ.setdefault("GRPC_EXPERIMENTS", "-event_engine_client,-event_engine_listener")

# `import grpc` ends with importing its asyncio half, which this room does not use.
defer("grpc.aio")
