"""Named sessions, and the models that they say."""

from __future__ import annotations

from modeld.v1 import model_service_pb2, named_session_service_pb2

from ..types import (
    GenerateConfig,
    ModelConfig,
    NamedSession,
    SessionSettings,
    SessionUsage,
)
from .config import config_from_proto, fill_config
from .jsontext import dump_object, load_object
from .naming import build
from .output import fill_usage, usage_from_proto

pb = named_session_service_pb2


def model_config_to_proto(value: ModelConfig) -> model_service_pb2.ModelSpec:
    """A model without a key."""
    return build(model_service_pb2.ModelSpec(), _fill_model, value, "model")


def _fill_model(out: model_service_pb2.ModelSpec, value: ModelConfig) -> None:
    out.name = value.model
    if value.base_url is not None:
        out.base_url = value.base_url
    if value.args:
        out.args_json = dump_object(value.args)
    if value.config != GenerateConfig():
        fill_config(out.config, value.config)


def model_config_from_proto(proto: model_service_pb2.ModelSpec) -> ModelConfig:
    """A model; a key is not read."""
    return ModelConfig(
        proto.name,
        config_from_proto(proto.config) if proto.HasField("config") else GenerateConfig(),
        proto.base_url if proto.HasField("base_url") else None,
        load_object(proto.args_json, "args_json") if proto.HasField("args_json") else {},
    )


def session_settings_to_proto(value: SessionSettings) -> pb.SessionSettings:
    """What a session says."""
    return build(pb.SessionSettings(), _fill_settings, value, "settings")


def _fill_settings(out: pb.SessionSettings, value: SessionSettings) -> None:
    if value.model is not None:
        out.model.CopyFrom(model_config_to_proto(value.model))
    for role, models in value.roles.items():
        out.roles[role].models.extend(map(model_config_to_proto, models))
    if value.config != GenerateConfig():
        fill_config(out.config, value.config)


def session_settings_from_proto(proto: pb.SessionSettings) -> SessionSettings:
    """What a session says."""
    return SessionSettings(
        model_config_from_proto(proto.model) if proto.HasField("model") else None,
        {
            role: [model_config_from_proto(model) for model in bound.models]
            for role, bound in proto.roles.items()
        },
        config_from_proto(proto.config) if proto.HasField("config") else GenerateConfig(),
    )


def named_session_to_proto(value: NamedSession) -> pb.NamedSession:
    """A named session."""
    return build(pb.NamedSession(), _fill_session, value, "session")


def _fill_session(out: pb.NamedSession, value: NamedSession) -> None:
    out.name = value.name
    out.settings.CopyFrom(session_settings_to_proto(value.settings))
    out.created = value.created
    out.changed = value.changed
    for name, used in value.model_usage.items():
        _fill_used(out.model_usage[name], used)
    for name, used in value.role_usage.items():
        _fill_used(out.role_usage[name], used)


def _fill_used(out: pb.SessionUsage, used: SessionUsage) -> None:
    out.calls = used.calls
    fill_usage(out.usage, used.usage)


def named_session_from_proto(proto: pb.NamedSession) -> NamedSession:
    """A named session; what was used is in order of names."""
    return NamedSession(
        proto.name,
        session_settings_from_proto(proto.settings),
        proto.created,
        proto.changed,
        {name: _used_from_proto(used) for name, used in sorted(proto.model_usage.items())},
        {name: _used_from_proto(used) for name, used in sorted(proto.role_usage.items())},
    )


def _used_from_proto(proto: pb.SessionUsage) -> SessionUsage:
    return SessionUsage(proto.calls, usage_from_proto(proto.usage))
