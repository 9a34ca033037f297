from __future__ import annotations

import copy
import pickle

import pytest

from modeld.errors import InvalidRequest
from modeld.types import (
    CONFIG_FIELDS,
    AdaptiveConcurrency,
    BatchConfig,
    CachePolicy,
    GenerateConfig,
    ImageOutput,
    JSONSchema,
    ResponseSchema,
    cache_policy,
    expiry_seconds,
)


def test_nothing_is_said_by_default():
    config = GenerateConfig()
    assert all(getattr(config, name) is None for name in CONFIG_FIELDS)
    assert config.to_dict() == {}
    assert repr(config) == "GenerateConfig()"


def test_an_unknown_field_is_rejected():
    message = (
        "Unknown GenerateConfig field(s): bar, foo. Use extra_body for provider-specific options."
    )
    with pytest.raises(InvalidRequest) as caught:
        GenerateConfig(foo=1, bar=2, temperature=1)
    assert str(caught.value) == message
    with pytest.raises(ValueError, match="foo"):
        GenerateConfig.from_dict({"foo": 1})
    with pytest.raises(InvalidRequest, match="foo"):
        GenerateConfig().merge({"foo": 1})


def test_merge_prefers_what_the_other_says():
    base = GenerateConfig(temperature=0.5, max_tokens=10, stop_seqs=["a"])
    over = GenerateConfig(temperature=0.0, logprobs=False)
    assert base.merge(over) == GenerateConfig(
        temperature=0.0, max_tokens=10, stop_seqs=["a"], logprobs=False
    )
    assert base.merge({"seed": 1}).seed == 1


def test_merge_changes_and_shares_nothing():
    base = GenerateConfig(stop_seqs=["a"], extra_body={"x": {"y": 1}})
    over = GenerateConfig(extra_headers={"h": "1"})
    before = copy.deepcopy((base, over))
    merged = base.merge(over)
    merged.stop_seqs.append("b")
    merged.extra_body["x"]["y"] = 2
    merged.extra_headers["h"] = "2"
    assert (base, over) == before


@pytest.mark.parametrize(
    "field, value", [("top_logprobs", 21), ("top_logprobs", -1), ("prompt_logprobs", 0)]
)
def test_ranges_are_checked(field, value):
    with pytest.raises(InvalidRequest, match=f"{field} must be between"):
        GenerateConfig(**{field: value})


@pytest.mark.parametrize(
    "cache, policy",
    [
        (None, None),
        (False, None),
        (True, CachePolicy()),
        ("3h", CachePolicy(expiry="3h")),
        (CachePolicy(expiry=None), CachePolicy(expiry=None)),
    ],
)
def test_cache_may_be_a_switch_an_expiry_or_a_policy(cache, policy):
    assert cache_policy(GenerateConfig(cache=cache).cache) == policy


@pytest.mark.parametrize(
    "expiry, seconds",
    [("10s", 10), ("3m", 180), ("1h", 3600), ("7D", 604800), ("1W", 604800), ("1M", 2592000)],
)
def test_expiries(expiry, seconds):
    assert expiry_seconds(expiry) == CachePolicy(expiry=expiry).seconds == seconds
    assert CachePolicy(expiry=None).seconds is None


@pytest.mark.parametrize(
    "expiry", ["3d", "", "h", "3", "3 h", "-1h", "1.5h", "٣h", "9" * 400 + "s", "9" * 5000 + "s"]
)
def test_a_bad_expiry_is_refused_when_the_policy_is_made(expiry):
    with pytest.raises(InvalidRequest, match="Invalid expiry"):
        CachePolicy(expiry=expiry)
    with pytest.raises(ValueError, match="Invalid expiry"):
        CachePolicy.from_string(expiry)
    with pytest.raises(ValueError, match="Invalid expiry"):
        GenerateConfig(cache=expiry)


def test_a_policy_that_never_expires_survives_json():
    policy = CachePolicy(expiry=None, scopes={"role": "attacker"})
    assert CachePolicy.from_dict(policy.to_dict()) == policy


@pytest.mark.parametrize(
    "text, value",
    [
        ("true", True),
        ("no", False),
        ("40", 40),
        ("4-40", AdaptiveConcurrency(min=4, start=20, max=40)),
        ("30-40", AdaptiveConcurrency(min=30, start=30, max=40)),
        ("2-4-8", AdaptiveConcurrency(min=2, start=4, max=8)),
    ],
)
def test_adaptive_concurrency_may_be_text(text, value):
    assert GenerateConfig(adaptive_connections=text).adaptive_connections == value


def test_a_small_maximum_clamps_the_other_bounds():
    small = AdaptiveConcurrency(max=8)
    assert (small.min, small.start, small.max) == (8, 8, 8)
    usual = AdaptiveConcurrency()
    assert (usual.min, usual.start, usual.max, usual.cooldown_seconds) == (10, 20, 100, 15.0)
    assert (usual.decrease_factor, usual.scale_up_percent) == (0.8, 0.05)


@pytest.mark.parametrize(
    "wrong",
    [
        {"min": 0},
        {"min": 9, "max": 8},
        {"start": 101},
        {"decrease_factor": 1.0},
        {"scale_up_percent": 0.0},
        {"cooldown_seconds": float("inf")},
    ],
)
def test_bounds_of_adaptive_concurrency_are_checked(wrong):
    with pytest.raises(InvalidRequest, match="AdaptiveConcurrency"):
        AdaptiveConcurrency(**wrong)


@pytest.mark.parametrize("text", ["a-b", "1-2-3-4", "", "-5"])
def test_bad_text_for_adaptive_concurrency_is_refused(text):
    with pytest.raises(InvalidRequest):
        GenerateConfig(adaptive_connections=text)


def test_a_full_config_survives_json():
    config = GenerateConfig(
        temperature=1,
        logit_bias={42: 10, 43: -10},
        reasoning_effort="low",
        cache_prompt="auto",
        response_schema=ResponseSchema("r", JSONSchema(type="object"), strict=True),
        modalities=["image", ImageOutput({"openai": {"quality": "low"}})],
        cache=CachePolicy(expiry="1h"),
        batch=BatchConfig(size=10),
        adaptive_connections=AdaptiveConcurrency(max=30),
        extra_body={"x": None},
    )
    assert GenerateConfig.from_dict(config.to_dict()) == config
    assert config.to_dict()["logit_bias"] == {"42": 10, "43": -10}


def test_true_and_false_are_words_of_reasoning_history():
    assert GenerateConfig(reasoning_history=True).reasoning_history == "all"
    assert GenerateConfig(reasoning_history=False).reasoning_history == "none"
    assert GenerateConfig.from_dict({"reasoning_history": True}).reasoning_history == "all"


@pytest.mark.parametrize(
    "data, problem",
    [
        ({"temperature": "hot"}, "GenerateConfig.temperature: expected float, got str"),
        ({"max_tokens": True}, "GenerateConfig.max_tokens: expected int, got bool"),
        ({"effort": "huge"}, "GenerateConfig.effort: expected one of"),
        ({"stop_seqs": [1]}, "GenerateConfig.stop_seqs[0]: expected str, got int"),
        ({"logit_bias": {"a": 1}}, "GenerateConfig.logit_bias: expected numbers by token id"),
        ({"cache": 5}, "GenerateConfig.cache: expected bool or str or object, got int"),
    ],
)
def test_a_wrong_shape_is_named(data, problem):
    with pytest.raises(InvalidRequest) as caught:
        GenerateConfig.from_dict(data)
    assert str(caught.value).startswith(problem)


def test_configs_are_plain_values():
    config = GenerateConfig(temperature=0.5, cache="3h")
    assert pickle.loads(pickle.dumps(config)) == config
    assert copy.copy(config) == config
    assert repr(GenerateConfig(temperature=0.5)) == "GenerateConfig(temperature=0.5)"
