"""What providers can do and what dialects send, found out by building requests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from modeld.errors import ModeldError
from modeld.types import (
    CONFIG_FIELDS,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Content,
    ContentAudio,
    ContentDocument,
    ContentImage,
    ContentReasoning,
    ContentText,
    ContentVideo,
    GenerateConfig,
    JSONSchema,
    ResponseSchema,
    ToolCall,
    ToolInfo,
    ToolParams,
)
from modeld_daemon.core.call import Call
from modeld_daemon.core.ports import Row
from modeld_daemon.providers.catalog import ROWS
from modeld_daemon.providers.features import KNOWN
from modeld_daemon.providers.registry import Registry

from .speakers import PROFILES, SPEAKERS, Speaker, Spoken

__all__ = ["HOUSE", "fate", "generated"]

REGISTRY = Registry(Path("no-data"))

# What the house itself does with a field, or the head of a request says: no body has them.
HOUSE: Mapping[str, str] = {
    "max_retries": "core",
    "timeout": "core",
    "attempt_timeout": "core",
    "stream_idle_timeout": "HTTP client",
    "max_connections": "lanes",
    "adaptive_connections": "lanes",
    "system_message": "core",
    "fail_on_refusal": "core",
    "extra_headers": "head of the request",
    "max_tool_output": "the caller's loop of tools",
    "cache": "core",
    "batch": "not built yet",
}
# Values to try; a field that is not named is true, or 1.
_VALUES: Mapping[str, Sequence[Any]] = {
    "max_tokens": (40_000,),
    "temperature": (0.5,),
    "top_p": (0.5,),
    "stop_seqs": (["x"],),
    "top_logprobs": (3,),
    "logit_bias": ({1: 1.0},),
    "num_choices": (2,),
    "parallel_tool_calls": (True, False),
    "internal_tools": (True, False),
    "cache_prompt": (True, False),
    "fallback_models": (["m"],),
    "verbosity": ("low",),
    "effort": ("low", "max"),
    "reasoning_effort": ("none", "minimal", "high", "max"),
    "reasoning_mode": ("pro",),
    "reasoning_tokens": (2_048,),
    "reasoning_summary": ("auto", "none"),
    "reasoning_history": ("none", "last", "all"),
    "response_schema": (ResponseSchema("s", JSONSchema(type="object")),),
    "extra_body": ({"min_p": 0.1},),
    "modalities": (["image"],),
}
_NATIVE = ("web_search", "code_execution", "computer", "image_generation")
_MEDIA: Mapping[str, Content] = {
    "images": ContentImage("data:image/png;base64,AAAA"),
    "documents": ContentDocument("data:application/pdf;base64,AAAA"),
    "audio": ContentAudio("data:audio/wav;base64,AAAA", "wav"),
    "video": ContentVideo("data:video/mp4;base64,AAAA", "mp4"),
}
_YES, _NO = "yes", "–"


# What has a meaning only beside another field.
_BESIDE: Mapping[str, GenerateConfig] = {
    "reasoning_summary": GenerateConfig(reasoning_effort="high"),
    "top_logprobs": GenerateConfig(logprobs=True),
}


def generated() -> str:
    """The part of the page that is made here."""
    house = ", ".join(f"`{name}` ({place})" for name, place in HOUSE.items())
    return "\n".join(
        (
            f"\n### Connections\n\n{_table(_connections())}",
            f"### Providers\n\n{_PROVIDERS}",
            _table(_offers()),
            f"### Features\n\n{_table(_abilities())}",
            f"### Fields of GenerateConfig\n\n{_WORDS}",
            _table(_fields()),
            f"In no body, whatever the dialect: {house}.\n",
            f"### Models\n\n{_MODELS}",
            _table(_profiles()),
        )
    )


def _table(rows: Iterator[Sequence[str]]) -> str:
    head, *rest = rows
    lines = [head, ["---"] * len(head), *rest]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or _NO


def _connections() -> Iterator[Sequence[str]]:
    yield ("provider", "API", "key", "base URL", "further variables", "extra")
    for row in ROWS:
        key = _code(row.key_variables)
        if row.key_variables and not row.key_required:
            from_elsewhere = row.network and row.extra != "daemon"
            key += " (or credentials)" if from_elsewhere else " (optional)"
        extra = f"`{row.extra or 'daemon'}`"
        if key.endswith("credentials)"):
            extra = f"`daemon`; credentials: {extra}"
        titles = [speaker.title for speaker in _speakers(row)]
        yield (
            f"`{row.name}/`",
            " or ".join(titles) or row.description,
            key,
            _code(row.base_url_variables),
            _code(row.other_variables),
            extra,
        )


def _speakers(row: Row) -> list[Speaker]:
    """The dialects of a row; `openai`, which `openai_server` is too once there is a server, chooses
    among those whose folders begin with its name.
    """
    spoken = row.dialect.removesuffix("_server")
    names = [spoken, f"{spoken}_chat", f"{spoken}_responses"]
    return [SPEAKERS[name] for name in names if name in SPEAKERS]


# -- what providers claim --------------------------------------------------------------------


def _offers() -> Iterator[Sequence[str]]:
    yield ("provider", *KNOWN)
    for row in REGISTRY.rows():
        offered = REGISTRY.features(row)
        yield (f"`{row.name}/`", *(_word(name in offered) for name in KNOWN))


# -- what can be asked for -------------------------------------------------------------------


def _abilities() -> Iterator[Sequence[str]]:
    speakers = list(SPEAKERS.values())
    yield ("feature", *(speaker.title for speaker in speakers))
    yield ("streaming", *(_word(speaker.streams) for speaker in speakers))
    yield ("tools", *(_word(_takes_tools(speaker)) for speaker in speakers))
    yield ("tools in words", *(_word(speaker.emulates) for speaker in speakers))
    yield ("tools of its own", *(_natives(speaker) for speaker in speakers))
    for name, part in _MEDIA.items():
        yield (name, *(_word(_takes(speaker, part)) for speaker in speakers))
    for name in ("reasoning_effort", "response_schema", "logprobs", "num_choices"):
        title = name.replace("response_schema", "structured output").replace("_", " ")
        yield (title, *(fate(speaker, name) for speaker in speakers))
    yield ("prompt cache", *(_caching(speaker) for speaker in speakers))
    yield (
        "token counting",
        *("counted" if speaker.counts else "estimated" for speaker in speakers),
    )


def _word(said: bool) -> str:
    return _YES if said else _NO


def _spoken(speaker: Speaker, call: Call, model: str) -> Spoken | None:
    try:
        return speaker.speak(call, model)
    except ModeldError:
        return None


def _takes(speaker: Speaker, part: Content) -> bool:
    call = Call("1", [ChatMessageUser([ContentText("what?"), part])])
    return any(_spoken(speaker, call, model) is not None for model in speaker.models)


def _tool(name: str, **options: Any) -> ToolInfo:
    return ToolInfo(name, "does it", ToolParams(), options=options or None)


def _takes_tools(speaker: Speaker) -> bool:
    return _spoken(speaker, Call("1", [ChatMessageUser("hi")], tools=[_tool("f")]), "m") is not None


def _natives(speaker: Speaker) -> str:
    """Names that are enough, and whether a tool may be given as the API writes it."""
    found = [name for name in _NATIVE if _is_native(speaker, _tool(name, **{speaker.native: True}))]
    written = _tool("f", **{speaker.native: {"type": "own_tool"}})
    words = [f"`{name}`" for name in found]
    if _is_native(speaker, written):
        words.append("any as the API writes it")
    return ", ".join(words) or _NO


def _is_native(speaker: Speaker, tool: ToolInfo) -> bool:
    for model in speaker.models:
        spoken = _spoken(speaker, Call("1", [ChatMessageUser("hi")], tools=[tool]), model)
        plain = Call("1", [ChatMessageUser("hi")], tools=[_tool(tool.name)])
        if spoken is not None and spoken != _spoken(speaker, plain, model):
            return True
    return False


def _caching(speaker: Speaker) -> str:
    words = []
    marked = [ContentText("hello", cache_breakpoint=True)]
    for model in speaker.models:
        plain = speaker.speak(Call("1", [ChatMessageUser([ContentText("hello")])]), model)
        if speaker.speak(Call("1", [ChatMessageUser(list(marked))]), model) != plain:
            words = ["marks"]
    if fate(speaker, "cache_prompt") == "sent":
        words.append("long prompts are marked unasked")
    return ", ".join(words) or _NO


# -- what becomes of each field --------------------------------------------------------------


def _fields() -> Iterator[Sequence[str]]:
    yield ("field", *(speaker.title for speaker in SPEAKERS.values()))
    for name in CONFIG_FIELDS:
        if name not in HOUSE:
            yield (f"`{name}`", *(fate(speaker, name) for speaker in SPEAKERS.values()))


def fate(speaker: Speaker, name: str) -> str:
    """What becomes of a field, for each kind of model."""
    by_model = [_fate(speaker, model, name) for model in speaker.models]
    always, *rest = sorted(set(by_model), key=_order)
    return "; ".join((always, *(f"some models: {one}" for one in rest)))


def _order(fate: str) -> tuple[bool, str]:
    return ("sent" not in fate, fate)


def _fate(speaker: Speaker, model: str, name: str) -> str:
    """Tried with and without tools and history."""
    usual = (1 if "prob" in name or name == "seed" else True,)
    tried = {
        _one(speaker, model, {name: value}, call)
        for value in _VALUES.get(name, usual)
        for call in _calls(_BESIDE.get(name))
    }
    found = sorted(tried - {""})
    return " or ".join(found) or "nothing"


def _one(speaker: Speaker, model: str, said: Mapping[str, Any], call: Call) -> str:
    before = _spoken(speaker, call, model)
    if before is None:
        return ""  # the dialect does not take such calls at all
    config = call.config.merge(said)
    after = _spoken(speaker, Call("1", call.messages, config, call.tools), model)
    if after is None:
        return "refused"
    if len(after[1]) > len(before[1]):
        return "warned"
    return "sent" if after[0] != before[0] else ""


def _calls(config: GenerateConfig | None = None) -> list[Call]:
    config = config or GenerateConfig()
    own = {speaker.native: True for speaker in SPEAKERS.values()}
    tools = [_tool("f"), _tool("web_search", **own)]
    thoughts = [ContentReasoning("hm"), ContentText("let me see")]
    history: list[ChatMessage] = [
        ChatMessageSystem("Be brief. " * 1_000),
        ChatMessageUser("hi"),
        ChatMessageAssistant(list(thoughts), tool_calls=[ToolCall("abcdefghi", "f", {})]),
        ChatMessageTool("42", tool_call_id="abcdefghi", function="f"),
        ChatMessageAssistant(list(thoughts)),
        ChatMessageUser("and?"),
    ]
    return [
        Call("1", [ChatMessageUser("hi")], config),
        Call("1", history, config),
        Call("1", history, config, tools),
        Call("1", history, config, tools[1:]),
    ]


# -- what profiles say of models -------------------------------------------------------------


def _profiles() -> Iterator[Sequence[str]]:
    yield ("profile", "names", "what is special")
    for room in PROFILES:
        usual = _said_of(type(room.rows[0][1])())
        for pattern, profile in room.rows:
            special = {k: v for k, v in _said_of(profile).items() if v != usual[k]}
            words = [f"{name}: {_value(value)}" for name, value in special.items()]
            names = pattern.replace("|", "\\|")
            yield (room.title, f"`{names}`", "; ".join(words) or "nothing")


def _said_of(profile: Any) -> dict[str, Any]:
    """What is data of the profile; its reasons are words for warnings."""
    names = [name for name in profile.__dataclass_fields__ if not name.startswith("why_")]
    return {name: getattr(profile, name) for name in names}


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{k}→{v}" for k, v in value.items()) or "none"
    if isinstance(value, (frozenset, tuple)):
        return " ".join(sorted(value) if isinstance(value, frozenset) else value) or "none"
    if isinstance(value, bool):
        return _word(value).replace(_NO, "no")
    return f"{value:,}" if isinstance(value, int) else str(value).strip() or "none"


_PROVIDERS = """\
What can be asked of each, as `modeld providers` says it; what one model can do is less. The suite of
all dialects (`tests/conformance`) holds each of these to the requests and answers of the row.
**schema**: answers in the shape of a JSON schema; **count**: tokens are counted and not estimated;
**list**: `modeld models PROVIDER` lists what there is.
"""
_WORDS = """\
**sent**: it changes the request. **warned**: it is left out or changed, and the output's
`metadata["warnings"]` says so. **refused**: an error. **nothing**: it means nothing there, and
nothing is said. "Sent or warned" is a matter of the value and of what else the call says; where
models differ, their profiles say so. Each was tried with and without tools, and with a history.
"""
_MODELS = """\
The first row that matches counts. Names may carry an organisation, a date or the like.
"""
