"""Finds the daemon, starts it, stops it. Imported when a client first connects."""

from .spawn import daemon_command, daemon_environment, tail_log
from .start import endpoint, ensure, probe, serving
from .stop import Stopped, running, stop, wait_for_end

__all__ = [
    "Stopped",
    "daemon_command",
    "daemon_environment",
    "endpoint",
    "ensure",
    "probe",
    "running",
    "serving",
    "stop",
    "tail_log",
    "wait_for_end",
]
