"""What must be so before grpc is imported. The room imports this first."""

from __future__ import annotations

import os

from ..deferral import defer

# grpc reads these when it is imported: the first makes a fork safe, the second keeps grpc from
# writing to the user's stderr.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "1")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

# `import grpc` ends with importing its asyncio half, which this room does not use.
defer("grpc.aio")
