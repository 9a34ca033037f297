"""What went to a provider and came back: the JSON shape of a `ModelCall`, which few callers want."""

from __future__ import annotations

from modeld.v1 import model_call_pb2 as pb

from ..types import JsonObject
from .jsontext import dump_object, load_object


def fill_model_call(out: pb.ModelCall, call: JsonObject) -> None:
    """Write an exchange into an empty message."""
    # Text of third parties may hold halves of surrogate pairs. An answer must always arrive.
    out.request_json = dump_object(call["request"]).encode("utf-8", "replace").decode()
    if call.get("response") is not None:
        out.response_json = dump_object(call["response"]).encode("utf-8", "replace").decode()
    out.error = bool(call.get("error"))
    if call.get("time") is not None:
        out.time = call["time"]


def model_call_from_proto(proto: pb.ModelCall) -> JsonObject:
    """The exchange as logs have it."""
    call: JsonObject = {"request": load_object(proto.request_json, "request_json")}
    if proto.HasField("response_json"):
        call["response"] = load_object(proto.response_json, "response_json")
    if proto.error:
        call["error"] = True
    if proto.HasField("time"):
        call["time"] = proto.time
    return call
