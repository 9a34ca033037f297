from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PromptCache(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROMPT_CACHE_UNSPECIFIED: _ClassVar[PromptCache]
    PROMPT_CACHE_AUTO: _ClassVar[PromptCache]
    PROMPT_CACHE_ON: _ClassVar[PromptCache]
    PROMPT_CACHE_OFF: _ClassVar[PromptCache]

class Verbosity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERBOSITY_UNSPECIFIED: _ClassVar[Verbosity]
    VERBOSITY_LOW: _ClassVar[Verbosity]
    VERBOSITY_MEDIUM: _ClassVar[Verbosity]
    VERBOSITY_HIGH: _ClassVar[Verbosity]

class Effort(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFORT_UNSPECIFIED: _ClassVar[Effort]
    EFFORT_LOW: _ClassVar[Effort]
    EFFORT_MEDIUM: _ClassVar[Effort]
    EFFORT_HIGH: _ClassVar[Effort]
    EFFORT_XHIGH: _ClassVar[Effort]
    EFFORT_MAX: _ClassVar[Effort]

class ReasoningEffort(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASONING_EFFORT_UNSPECIFIED: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_NONE: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_MINIMAL: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_LOW: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_MEDIUM: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_HIGH: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_XHIGH: _ClassVar[ReasoningEffort]
    REASONING_EFFORT_MAX: _ClassVar[ReasoningEffort]

class ReasoningMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASONING_MODE_UNSPECIFIED: _ClassVar[ReasoningMode]
    REASONING_MODE_STANDARD: _ClassVar[ReasoningMode]
    REASONING_MODE_PRO: _ClassVar[ReasoningMode]

class ReasoningSummary(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASONING_SUMMARY_UNSPECIFIED: _ClassVar[ReasoningSummary]
    REASONING_SUMMARY_NONE: _ClassVar[ReasoningSummary]
    REASONING_SUMMARY_CONCISE: _ClassVar[ReasoningSummary]
    REASONING_SUMMARY_DETAILED: _ClassVar[ReasoningSummary]
    REASONING_SUMMARY_AUTO: _ClassVar[ReasoningSummary]

class ReasoningHistory(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASONING_HISTORY_UNSPECIFIED: _ClassVar[ReasoningHistory]
    REASONING_HISTORY_NONE: _ClassVar[ReasoningHistory]
    REASONING_HISTORY_ALL: _ClassVar[ReasoningHistory]
    REASONING_HISTORY_LAST: _ClassVar[ReasoningHistory]
    REASONING_HISTORY_AUTO: _ClassVar[ReasoningHistory]
PROMPT_CACHE_UNSPECIFIED: PromptCache
PROMPT_CACHE_AUTO: PromptCache
PROMPT_CACHE_ON: PromptCache
PROMPT_CACHE_OFF: PromptCache
VERBOSITY_UNSPECIFIED: Verbosity
VERBOSITY_LOW: Verbosity
VERBOSITY_MEDIUM: Verbosity
VERBOSITY_HIGH: Verbosity
EFFORT_UNSPECIFIED: Effort
EFFORT_LOW: Effort
EFFORT_MEDIUM: Effort
EFFORT_HIGH: Effort
EFFORT_XHIGH: Effort
EFFORT_MAX: Effort
REASONING_EFFORT_UNSPECIFIED: ReasoningEffort
REASONING_EFFORT_NONE: ReasoningEffort
REASONING_EFFORT_MINIMAL: ReasoningEffort
REASONING_EFFORT_LOW: ReasoningEffort
REASONING_EFFORT_MEDIUM: ReasoningEffort
REASONING_EFFORT_HIGH: ReasoningEffort
REASONING_EFFORT_XHIGH: ReasoningEffort
REASONING_EFFORT_MAX: ReasoningEffort
REASONING_MODE_UNSPECIFIED: ReasoningMode
REASONING_MODE_STANDARD: ReasoningMode
REASONING_MODE_PRO: ReasoningMode
REASONING_SUMMARY_UNSPECIFIED: ReasoningSummary
REASONING_SUMMARY_NONE: ReasoningSummary
REASONING_SUMMARY_CONCISE: ReasoningSummary
REASONING_SUMMARY_DETAILED: ReasoningSummary
REASONING_SUMMARY_AUTO: ReasoningSummary
REASONING_HISTORY_UNSPECIFIED: ReasoningHistory
REASONING_HISTORY_NONE: ReasoningHistory
REASONING_HISTORY_ALL: ReasoningHistory
REASONING_HISTORY_LAST: ReasoningHistory
REASONING_HISTORY_AUTO: ReasoningHistory

class GenerateConfig(_message.Message):
    __slots__ = ("max_retries", "timeout", "attempt_timeout", "stream_idle_timeout", "max_connections", "adaptive_connections", "system_message", "max_tokens", "temperature", "top_p", "top_k", "stop_seqs", "frequency_penalty", "presence_penalty", "logit_bias", "seed", "best_of", "num_choices", "logprobs", "top_logprobs", "prompt_logprobs", "parallel_tool_calls", "internal_tools", "max_tool_output", "cache_prompt", "fallback_models", "fail_on_refusal", "verbosity", "effort", "reasoning_effort", "reasoning_mode", "reasoning_tokens", "reasoning_summary", "reasoning_history", "response_schema", "extra_headers", "extra_body_json", "modalities", "cache", "batch")
    class LogitBiasEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: int
        value: float
        def __init__(self, key: _Optional[int] = ..., value: _Optional[float] = ...) -> None: ...
    class ExtraHeadersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MAX_RETRIES_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    STREAM_IDLE_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    MAX_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    ADAPTIVE_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    SYSTEM_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    TEMPERATURE_FIELD_NUMBER: _ClassVar[int]
    TOP_P_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    STOP_SEQS_FIELD_NUMBER: _ClassVar[int]
    FREQUENCY_PENALTY_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_PENALTY_FIELD_NUMBER: _ClassVar[int]
    LOGIT_BIAS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    BEST_OF_FIELD_NUMBER: _ClassVar[int]
    NUM_CHOICES_FIELD_NUMBER: _ClassVar[int]
    LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    TOP_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    PROMPT_LOGPROBS_FIELD_NUMBER: _ClassVar[int]
    PARALLEL_TOOL_CALLS_FIELD_NUMBER: _ClassVar[int]
    INTERNAL_TOOLS_FIELD_NUMBER: _ClassVar[int]
    MAX_TOOL_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    CACHE_PROMPT_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_MODELS_FIELD_NUMBER: _ClassVar[int]
    FAIL_ON_REFUSAL_FIELD_NUMBER: _ClassVar[int]
    VERBOSITY_FIELD_NUMBER: _ClassVar[int]
    EFFORT_FIELD_NUMBER: _ClassVar[int]
    REASONING_EFFORT_FIELD_NUMBER: _ClassVar[int]
    REASONING_MODE_FIELD_NUMBER: _ClassVar[int]
    REASONING_TOKENS_FIELD_NUMBER: _ClassVar[int]
    REASONING_SUMMARY_FIELD_NUMBER: _ClassVar[int]
    REASONING_HISTORY_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    EXTRA_HEADERS_FIELD_NUMBER: _ClassVar[int]
    EXTRA_BODY_JSON_FIELD_NUMBER: _ClassVar[int]
    MODALITIES_FIELD_NUMBER: _ClassVar[int]
    CACHE_FIELD_NUMBER: _ClassVar[int]
    BATCH_FIELD_NUMBER: _ClassVar[int]
    max_retries: int
    timeout: float
    attempt_timeout: float
    stream_idle_timeout: float
    max_connections: int
    adaptive_connections: AdaptiveSetting
    system_message: str
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    stop_seqs: _containers.RepeatedScalarFieldContainer[str]
    frequency_penalty: float
    presence_penalty: float
    logit_bias: _containers.ScalarMap[int, float]
    seed: int
    best_of: int
    num_choices: int
    logprobs: bool
    top_logprobs: int
    prompt_logprobs: int
    parallel_tool_calls: bool
    internal_tools: bool
    max_tool_output: int
    cache_prompt: PromptCache
    fallback_models: _containers.RepeatedScalarFieldContainer[str]
    fail_on_refusal: bool
    verbosity: Verbosity
    effort: Effort
    reasoning_effort: ReasoningEffort
    reasoning_mode: ReasoningMode
    reasoning_tokens: int
    reasoning_summary: ReasoningSummary
    reasoning_history: ReasoningHistory
    response_schema: ResponseSchema
    extra_headers: _containers.ScalarMap[str, str]
    extra_body_json: str
    modalities: _containers.RepeatedCompositeFieldContainer[OutputModality]
    cache: CacheSetting
    batch: BatchSetting
    def __init__(self, max_retries: _Optional[int] = ..., timeout: _Optional[float] = ..., attempt_timeout: _Optional[float] = ..., stream_idle_timeout: _Optional[float] = ..., max_connections: _Optional[int] = ..., adaptive_connections: _Optional[_Union[AdaptiveSetting, _Mapping]] = ..., system_message: _Optional[str] = ..., max_tokens: _Optional[int] = ..., temperature: _Optional[float] = ..., top_p: _Optional[float] = ..., top_k: _Optional[int] = ..., stop_seqs: _Optional[_Iterable[str]] = ..., frequency_penalty: _Optional[float] = ..., presence_penalty: _Optional[float] = ..., logit_bias: _Optional[_Mapping[int, float]] = ..., seed: _Optional[int] = ..., best_of: _Optional[int] = ..., num_choices: _Optional[int] = ..., logprobs: bool = ..., top_logprobs: _Optional[int] = ..., prompt_logprobs: _Optional[int] = ..., parallel_tool_calls: bool = ..., internal_tools: bool = ..., max_tool_output: _Optional[int] = ..., cache_prompt: _Optional[_Union[PromptCache, str]] = ..., fallback_models: _Optional[_Iterable[str]] = ..., fail_on_refusal: bool = ..., verbosity: _Optional[_Union[Verbosity, str]] = ..., effort: _Optional[_Union[Effort, str]] = ..., reasoning_effort: _Optional[_Union[ReasoningEffort, str]] = ..., reasoning_mode: _Optional[_Union[ReasoningMode, str]] = ..., reasoning_tokens: _Optional[int] = ..., reasoning_summary: _Optional[_Union[ReasoningSummary, str]] = ..., reasoning_history: _Optional[_Union[ReasoningHistory, str]] = ..., response_schema: _Optional[_Union[ResponseSchema, _Mapping]] = ..., extra_headers: _Optional[_Mapping[str, str]] = ..., extra_body_json: _Optional[str] = ..., modalities: _Optional[_Iterable[_Union[OutputModality, _Mapping]]] = ..., cache: _Optional[_Union[CacheSetting, _Mapping]] = ..., batch: _Optional[_Union[BatchSetting, _Mapping]] = ...) -> None: ...

class AdaptiveSetting(_message.Message):
    __slots__ = ("enabled", "max", "policy")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    max: int
    policy: AdaptiveConcurrency
    def __init__(self, enabled: bool = ..., max: _Optional[int] = ..., policy: _Optional[_Union[AdaptiveConcurrency, _Mapping]] = ...) -> None: ...

class AdaptiveConcurrency(_message.Message):
    __slots__ = ("min", "start", "max", "cooldown_seconds", "decrease_factor", "scale_up_percent")
    MIN_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    COOLDOWN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    DECREASE_FACTOR_FIELD_NUMBER: _ClassVar[int]
    SCALE_UP_PERCENT_FIELD_NUMBER: _ClassVar[int]
    min: int
    start: int
    max: int
    cooldown_seconds: float
    decrease_factor: float
    scale_up_percent: float
    def __init__(self, min: _Optional[int] = ..., start: _Optional[int] = ..., max: _Optional[int] = ..., cooldown_seconds: _Optional[float] = ..., decrease_factor: _Optional[float] = ..., scale_up_percent: _Optional[float] = ...) -> None: ...

class ResponseSchema(_message.Message):
    __slots__ = ("name", "json_schema_json", "description", "strict")
    NAME_FIELD_NUMBER: _ClassVar[int]
    JSON_SCHEMA_JSON_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STRICT_FIELD_NUMBER: _ClassVar[int]
    name: str
    json_schema_json: str
    description: str
    strict: bool
    def __init__(self, name: _Optional[str] = ..., json_schema_json: _Optional[str] = ..., description: _Optional[str] = ..., strict: bool = ...) -> None: ...

class OutputModality(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: ImageOutput
    def __init__(self, image: _Optional[_Union[ImageOutput, _Mapping]] = ...) -> None: ...

class ImageOutput(_message.Message):
    __slots__ = ("options_json",)
    OPTIONS_JSON_FIELD_NUMBER: _ClassVar[int]
    options_json: str
    def __init__(self, options_json: _Optional[str] = ...) -> None: ...

class CacheSetting(_message.Message):
    __slots__ = ("enabled", "policy")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    policy: CachePolicy
    def __init__(self, enabled: bool = ..., policy: _Optional[_Union[CachePolicy, _Mapping]] = ...) -> None: ...

class CachePolicy(_message.Message):
    __slots__ = ("expiry", "per_epoch", "scopes")
    class ScopesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    EXPIRY_FIELD_NUMBER: _ClassVar[int]
    PER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    expiry: str
    per_epoch: bool
    scopes: _containers.ScalarMap[str, str]
    def __init__(self, expiry: _Optional[str] = ..., per_epoch: bool = ..., scopes: _Optional[_Mapping[str, str]] = ...) -> None: ...

class BatchSetting(_message.Message):
    __slots__ = ("enabled", "size", "policy")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    size: int
    policy: BatchConfig
    def __init__(self, enabled: bool = ..., size: _Optional[int] = ..., policy: _Optional[_Union[BatchConfig, _Mapping]] = ...) -> None: ...

class BatchConfig(_message.Message):
    __slots__ = ("size", "max_size", "send_delay", "tick", "max_batches", "max_consecutive_check_failures")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    MAX_SIZE_FIELD_NUMBER: _ClassVar[int]
    SEND_DELAY_FIELD_NUMBER: _ClassVar[int]
    TICK_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCHES_FIELD_NUMBER: _ClassVar[int]
    MAX_CONSECUTIVE_CHECK_FAILURES_FIELD_NUMBER: _ClassVar[int]
    size: int
    max_size: int
    send_delay: float
    tick: float
    max_batches: int
    max_consecutive_check_failures: int
    def __init__(self, size: _Optional[int] = ..., max_size: _Optional[int] = ..., send_delay: _Optional[float] = ..., tick: _Optional[float] = ..., max_batches: _Optional[int] = ..., max_consecutive_check_failures: _Optional[int] = ...) -> None: ...
