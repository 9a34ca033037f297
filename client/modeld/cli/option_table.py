"""What the help says about each field of GenerateConfig. Order here is order there."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A field as an option: its heading, what stands for its value, and its help."""

    section: str
    metavar: str
    help: str


SAMPLING = "Sampling"
ANSWER = "The answer"
REASONING = "Reasoning"
LIMITS = "Time, retries and connections"
TOOLS = "Tools"
STORING = "Caching and batching"
EXTRA = "For the provider"

ROWS: dict[str, Row] = {
    "max_tokens": Row(ANSWER, "N", "Most tokens of the answer."),
    "stop_seqs": Row(ANSWER, "A,B", "Texts that end the answer, with commas between them."),
    "response_schema": Row(
        ANSWER,
        "JSON",
        'Shape the answer must have: {"name": …, "json_schema": {…}}, a bare JSON Schema, '
        "or a file with either.",
    ),
    "num_choices": Row(ANSWER, "N", "Answers to make."),
    "best_of": Row(ANSWER, "N", "Make N candidates on the server and return the best."),
    "modalities": Row(
        ANSWER, "LIST", "What to make beside text, such as image; or a file with options."
    ),
    "verbosity": Row(ANSWER, "", "Length of answers (OpenAI GPT-5 and later)."),
    "logprobs": Row(ANSWER, "", "Return log probabilities of the tokens (see --json)."),
    "top_logprobs": Row(ANSWER, "N", "Likeliest alternatives per token to return, 0 to 20."),
    "prompt_logprobs": Row(ANSWER, "N", "The same for tokens of the prompt, 1 to 20 (vLLM)."),
    "fail_on_refusal": Row(ANSWER, "", "Make a refusal an error."),
    "temperature": Row(SAMPLING, "X", "How much chance there is in the answer; 0 is least."),
    "top_p": Row(SAMPLING, "X", "Sample from this share of probability only, 0 to 1."),
    "top_k": Row(SAMPLING, "N", "Sample from the N likeliest tokens only."),
    "frequency_penalty": Row(SAMPLING, "X", "Penalty for frequent tokens, -2 to 2."),
    "presence_penalty": Row(SAMPLING, "X", "Penalty for tokens already there, -2 to 2."),
    "logit_bias": Row(SAMPLING, "ID=X,…", 'Bias by token id, -100 to 100: "42=10,43=-10".'),
    "seed": Row(SAMPLING, "N", "Seed of the sampler."),
    "reasoning_effort": Row(REASONING, "", "How much a reasoning model thinks."),
    "reasoning_tokens": Row(REASONING, "N", "Most tokens to think with."),
    "reasoning_summary": Row(REASONING, "", "Summary of the reasoning (OpenAI)."),
    "reasoning_history": Row(REASONING, "", "Earlier reasoning that is sent back."),
    "reasoning_mode": Row(REASONING, "", "Way of reasoning (OpenAI GPT-5.6 and later)."),
    "effort": Row(REASONING, "", "Overall effort in tokens (Claude 4.5 and later)."),
    "timeout": Row(LIMITS, "SECONDS", "Time for the whole call, retries included; 0 is no limit."),
    "attempt_timeout": Row(LIMITS, "SECONDS", "Time for one attempt, which is then repeated."),
    "stream_idle_timeout": Row(
        LIMITS, "SECONDS", "Silence after which a streamed attempt is repeated."
    ),
    "max_retries": Row(LIMITS, "N", "Most repetitions after a passing failure."),
    "max_connections": Row(LIMITS, "N", "Most calls at once to this account of the provider."),
    "adaptive_connections": Row(
        LIMITS,
        "V",
        "Let the number of calls at once follow rate limits: true, false, a maximum, "
        "MIN-MAX or MIN-START-MAX.",
    ),
    "parallel_tool_calls": Row(TOOLS, "", "Whether several tools may be called in one turn."),
    "internal_tools": Row(
        TOOLS, "", "Whether a provider's own tool may stand in for an equal one."
    ),
    "max_tool_output": Row(TOOLS, "BYTES", "Tool output that is kept; the middle is cut out."),
    "cache": Row(
        STORING,
        "V",
        "Keep the answer and use a kept one: true is 7 days, N days, a time such as 30m, 3h or "
        "2W, false, or a file with a CachePolicy.",
    ),
    "cache_prompt": Row(STORING, "V", "The provider's own prompt cache: auto, true or false."),
    "batch": Row(
        STORING,
        "V",
        "Use the provider's batch API: true is batches of 100, a size, false, or a file with a "
        "BatchConfig.",
    ),
    "system_message": Row(
        "Options", "TEXT", "Instructions to the model, put before the conversation."
    ),
    "fallback_models": Row(EXTRA, "A,B", "Models to fall back to on a refusal (Anthropic)."),
    "extra_headers": Row(EXTRA, "JSON", "HTTP headers to add: JSON or YAML text, or a file."),
    "extra_body": Row(
        EXTRA, "JSON", "Members to add to the request's body: JSON or YAML text, or a file."
    ),
}

FLAGS: dict[str, tuple[str, ...]] = {"system_message": ("-s", "--system", "--system-message")}
"""Fields whose option is not `--field-name`."""
