"""Vertex AI in express mode, by key: https://cloud.google.com/vertex-ai/generative-ai/docs/start/express-mode/overview.

The wire is Gemini's; the place is another.
"""

from __future__ import annotations

from dataclasses import replace

from .google import WIRE as GEMINI

WIRE = replace(
    GEMINI,
    name="google/vertex",
    model="vertex/gemini-3-pro-preview",
    place="post /v1beta1/publishers/google/models/gemini-3-pro-preview:generatecontent http/1.1",
)
