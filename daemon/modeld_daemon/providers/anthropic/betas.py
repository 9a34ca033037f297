"""Names for the header `anthropic-beta`. Pure.

https://platform.claude.com/docs/en/api/beta-headers
Features that a request uses and that are not in the API for all are asked for by name.
"""

from __future__ import annotations

from collections.abc import Iterable

from modeld.types import JsonObject, JsonValue

__all__ = ["betas_of", "joined"]

_BY_MEMBER = {
    "fallbacks": "server-side-fallback-2026-07-01",
    "mcp_servers": "mcp-client-2025-11-20",
    "context_management": "context-management-2025-06-27",
    "output_format": "structured-outputs-2025-11-13",
    "speed": "fast-mode-2026-02-01",
}
_BY_INNER = {
    ("container", "skills"): "skills-2025-10-02",
    ("output_config", "task_budget"): "task-budgets-2026-03-13",
    ("thinking", "block_binding"): "thinking-binding-controls-2026-08-01",
}
"""By a member of a member."""
_BY_EDIT = (("compact_", "compact-2026-01-12"),)
"""By the type of an edit of `context_management`."""
_BY_TOOL = (
    ("code_execution_20250522", "code-execution-2025-05-22"),
    ("computer_20250124", "computer-use-2025-01-24"),
    ("computer_20251124", "computer-use-2025-11-24"),
    ("advisor_", "advisor-tool-2026-03-01"),
)
_BY_BLOCK = {
    "fallback": "server-side-fallback-2026-07-01",
    "compaction": "compact-2026-01-12",
    "mcp_tool_use": "mcp-client-2025-11-20",
    "mcp_tool_result": "mcp-client-2025-11-20",
    "advisor_tool_result": "advisor-tool-2026-03-01",
    "tool_addition": "mid-conversation-tool-changes-2026-07-01",
    "tool_removal": "mid-conversation-tool-changes-2026-07-01",
}
"""By a block; those of answers go back in the history, also when nothing asks for more of them."""
_FILES = "files-api-2025-04-14"


def betas_of(body: JsonObject) -> list[str]:
    """Betas that the body needs."""
    found = [beta for name, beta in _BY_MEMBER.items() if body.get(name)]
    for (name, inner), beta in _BY_INNER.items():
        member = body.get(name)
        if isinstance(member, dict) and member.get(inner):
            found.append(beta)
    management = body.get("context_management")
    for edit in (management.get("edits") or ()) if isinstance(management, dict) else ():
        kind = edit.get("type") or ""
        found += [beta for start, beta in _BY_EDIT if kind.startswith(start)]
    for tool in body.get("tools") or ():
        kind = tool.get("type") or ""
        found += [beta for start, beta in _BY_TOOL if kind.startswith(start)]
    for message in body["messages"]:
        if not isinstance(message["content"], str):
            found += _of_blocks(message["content"])
    return found


def _of_blocks(blocks: Iterable[JsonValue]) -> list[str]:
    found = []
    for block in blocks:
        if not isinstance(block, dict):
            continue
        kind = block.get("type")
        if kind in _BY_BLOCK:
            found.append(_BY_BLOCK[kind])
        source = block.get("source")
        if isinstance(source, dict) and source.get("type") == "file":
            found.append(_FILES)
        if kind == "tool_result" and isinstance(block.get("content"), list):
            found += _of_blocks(block["content"])
    return found


def joined(*names: Iterable[str]) -> str:
    """The header's value, each name once; empty for none."""
    return ",".join(dict.fromkeys(name for group in names for name in group if name))
