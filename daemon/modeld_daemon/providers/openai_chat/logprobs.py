"""Log probabilities of an answer's tokens. Pure."""

from __future__ import annotations

from modeld.types import JsonObject, JsonValue, Logprob, Logprobs, TopLogprob

__all__ = ["logprobs_from", "prompt_logprobs_from"]


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


def prompt_logprobs_from(wire: JsonValue) -> Logprobs | None:
    """Of the prompt's tokens, as vLLM and SGLang tell them: by each token's id, the prompt's own
    first and likely ones after it. The first token has none.

    https://docs.vllm.ai/en/latest/api/vllm/logprobs/
    """
    if not isinstance(wire, list):
        return None
    found = []
    for position in wire:
        if isinstance(position, dict) and position:
            likely = [
                TopLogprob(said.get("decoded_token") or id, said["logprob"])
                for id, said in position.items()
            ]
            found.append(Logprob(likely[0].token, likely[0].logprob, None, likely))
    return Logprobs(found) if found else None
