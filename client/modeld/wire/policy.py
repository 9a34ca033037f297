"""Settings of a GenerateConfig that are messages of their own."""

from __future__ import annotations

from modeld.v1 import config_pb2 as pb

from ..types import (
    AdaptiveConcurrency,
    BatchConfig,
    CachePolicy,
    ImageOutput,
    OutputModality,
    cache_policy,
)
from .jsontext import dump, load
from .naming import unknown


def fill_adaptive(out: pb.GenerateConfig, value: bool | int | AdaptiveConcurrency) -> None:
    """Adaptive concurrency: on or off, a maximum, or all numbers."""
    setting = out.adaptive_connections
    if isinstance(value, bool):
        setting.enabled = value
    elif isinstance(value, AdaptiveConcurrency):
        policy = setting.policy
        policy.min, policy.start, policy.max = value.min, value.start, value.max
        policy.cooldown_seconds = value.cooldown_seconds
        policy.decrease_factor = value.decrease_factor
        policy.scale_up_percent = value.scale_up_percent
    else:
        setting.max = value


def read_adaptive(proto: pb.AdaptiveSetting) -> bool | int | AdaptiveConcurrency:
    """Adaptive concurrency: on or off, a maximum, or all numbers."""
    kind = proto.WhichOneof("setting")
    if kind == "enabled":
        return proto.enabled
    if kind == "max":
        return proto.max
    if kind != "policy":
        unknown("AdaptiveSetting.setting", kind)
    policy = proto.policy
    return AdaptiveConcurrency(
        min=policy.min,
        start=policy.start,
        max=policy.max,
        cooldown_seconds=policy.cooldown_seconds,
        decrease_factor=policy.decrease_factor,
        scale_up_percent=policy.scale_up_percent,
    )


def fill_cache(out: pb.GenerateConfig, value: bool | str | CachePolicy) -> None:
    """Modeld's cache: on or off, or a policy."""
    if isinstance(value, bool):
        out.cache.enabled = value
        return
    policy = cache_policy(value)
    if policy is None:
        raise TypeError(f"expected a bool, text or CachePolicy, got {type(value).__name__}")
    target = out.cache.policy
    if policy.expiry is not None:
        target.expiry = policy.expiry
    target.per_epoch = policy.per_epoch
    target.scopes.update(policy.scopes)


def read_cache(proto: pb.CacheSetting) -> bool | CachePolicy:
    """Modeld's cache: on or off, or a policy."""
    kind = proto.WhichOneof("setting")
    if kind == "enabled":
        return proto.enabled
    if kind != "policy":
        unknown("CacheSetting.setting", kind)
    policy = proto.policy
    return CachePolicy(
        expiry=policy.expiry if policy.HasField("expiry") else None,
        per_epoch=policy.per_epoch,
        scopes=dict(policy.scopes),
    )


_BATCH_FIELDS = tuple(BatchConfig.__dataclass_fields__)


def fill_batch(out: pb.GenerateConfig, value: bool | int | BatchConfig) -> None:
    """The provider's batch API: on or off, a size, or all numbers."""
    setting = out.batch
    if isinstance(value, bool):
        setting.enabled = value
    elif isinstance(value, BatchConfig):
        setting.policy.SetInParent()
        for name in _BATCH_FIELDS:
            number = getattr(value, name)
            if number is not None:
                setattr(setting.policy, name, number)
    else:
        setting.size = value


def read_batch(proto: pb.BatchSetting) -> bool | int | BatchConfig:
    """The provider's batch API: on or off, a size, or all numbers."""
    kind = proto.WhichOneof("setting")
    if kind == "enabled":
        return proto.enabled
    if kind == "size":
        return proto.size
    if kind != "policy":
        unknown("BatchSetting.setting", kind)
    policy = proto.policy
    said = [name for name in _BATCH_FIELDS if policy.HasField(name)]
    return BatchConfig(**{name: getattr(policy, name) for name in said})


def fill_modalities(out: pb.GenerateConfig, value: list[OutputModality]) -> None:
    """What else to make beside text."""
    for modality in value:
        target = out.modalities.add()
        target.image.SetInParent()
        if isinstance(modality, ImageOutput):
            target.image.options_json = dump(modality.options)
        elif modality != "image":
            raise TypeError(f"unknown modality {modality!r}")


def read_modalities(protos: list[pb.OutputModality]) -> list[OutputModality]:
    """What else to make beside text."""
    return [_read_modality(proto) for proto in protos]


def _read_modality(proto: pb.OutputModality) -> OutputModality:
    if not proto.HasField("image"):
        unknown("OutputModality.modality", None)
    if not proto.image.HasField("options_json"):
        return "image"
    options = load(proto.image.options_json, "ImageOutput.options_json")
    return ImageOutput.from_dict({"options": options})
