"""Pages that a server which searches the web names beside its answer, not in it. Pure.

https://docs.perplexity.ai/api-reference/chat-completions-post
"""

from __future__ import annotations

from modeld.types import ChatMessageAssistant, Content, ContentText, JsonObject, UrlCitation

__all__ = ["cite_pages"]


def cite_pages(message: ChatMessageAssistant, body: JsonObject) -> None:
    """Makes the pages citations of the answer's text, unless the answer has citations itself."""
    content = message.content
    parts: list[Content] = [ContentText(content)] if isinstance(content, str) else list(content)
    texts = [part for part in parts if isinstance(part, ContentText) and not part.refusal]
    if not texts or any(part.citations for part in texts):
        return
    found = body.get("search_results") or body.get("citations")
    pages = found if isinstance(found, list) else []
    cited = [_citation(page) for page in pages if page]
    if cited:
        texts[0].citations = list(cited)
        message.content = parts


def _citation(page: str | JsonObject) -> UrlCitation:
    if isinstance(page, str):
        return UrlCitation(page)
    rest = {name: value for name, value in page.items() if name not in ("url", "title") and value}
    return UrlCitation(page.get("url") or "", title=page.get("title"), internal=rest or None)
