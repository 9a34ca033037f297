"""Log probabilities of an answer's tokens. Pure."""

from __future__ import annotations

from modeld.types import JsonObject, Logprob, Logprobs, TopLogprob

__all__ = ["logprobs_from"]


def logprobs_from(wire: JsonObject) -> Logprobs | None:
    """Of the answer, or of the refusal where that is what the model said."""
    if isinstance(wire.get("tokens"), list):
        return _parallel(wire)
    tokens = wire.get("content") or wire.get("refusal")
    if not isinstance(tokens, list):
        return None
    return Logprobs(
        [
            Logprob(
                token["token"],
                token["logprob"],
                token.get("bytes"),
                [
                    TopLogprob(top["token"], top["logprob"], top.get("bytes"))
                    for top in token.get("top_logprobs") or ()
                ]
                or None,
            )
            for token in tokens
        ]
    )


def _parallel(wire: JsonObject) -> Logprobs:
    """Together's: lists beside each other (https://docs.together.ai/docs/logprobs)."""
    tops = wire.get("top_logprobs") or [None] * len(wire["tokens"])
    return Logprobs(
        [
            Logprob(
                token, logprob, None, [TopLogprob(t, p) for t, p in (top or {}).items()] or None
            )
            for token, logprob, top in zip(
                wire["tokens"], wire["token_logprobs"], tops, strict=False
            )
            if logprob is not None
        ]
    )
