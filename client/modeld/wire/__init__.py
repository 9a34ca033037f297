"""Between values and messages: pairs of `x_to_proto` and `x_from_proto`, without decisions.

A value that does not fit raises `InvalidRequest` with the name of its part. Where the wire says
"none and empty are the same", an empty list or mapping comes back as None.
"""

from .call import (
    call_info_from_proto,
    call_info_to_proto,
    generate_input_from_proto,
    generate_input_to_proto,
    generate_response_from_proto,
    generate_response_to_proto,
    priority_from_proto,
    priority_to_proto,
)
from .config import config_from_proto, config_to_proto
from .content import (
    citation_from_proto,
    citation_to_proto,
    content_from_proto,
    content_to_proto,
)
from .event import stream_event_from_proto, stream_event_to_proto
from .failure import failure_from_proto, failure_to_proto
from .message import message_from_proto, message_to_proto
from .output import output_from_proto, output_to_proto, usage_from_proto, usage_to_proto
from .session import (
    model_config_from_proto,
    model_config_to_proto,
    named_session_from_proto,
    named_session_to_proto,
    session_settings_from_proto,
    session_settings_to_proto,
)
from .tool import (
    tool_call_from_proto,
    tool_call_to_proto,
    tool_choice_from_proto,
    tool_choice_to_proto,
    tool_info_from_proto,
    tool_info_to_proto,
)

__all__ = [
    "call_info_from_proto",
    "call_info_to_proto",
    "citation_from_proto",
    "citation_to_proto",
    "config_from_proto",
    "config_to_proto",
    "content_from_proto",
    "content_to_proto",
    "failure_from_proto",
    "failure_to_proto",
    "generate_input_from_proto",
    "generate_input_to_proto",
    "generate_response_from_proto",
    "generate_response_to_proto",
    "message_from_proto",
    "message_to_proto",
    "model_config_from_proto",
    "model_config_to_proto",
    "named_session_from_proto",
    "named_session_to_proto",
    "output_from_proto",
    "output_to_proto",
    "priority_from_proto",
    "priority_to_proto",
    "session_settings_from_proto",
    "session_settings_to_proto",
    "stream_event_from_proto",
    "stream_event_to_proto",
    "tool_call_from_proto",
    "tool_call_to_proto",
    "tool_choice_from_proto",
    "tool_choice_to_proto",
    "tool_info_from_proto",
    "tool_info_to_proto",
    "usage_from_proto",
    "usage_to_proto",
]
