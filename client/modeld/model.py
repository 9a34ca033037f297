"""The reference's names of models, messages and outputs: rename the import and code moves over."""

from .api import get_model
from .cache import cache_clear, cache_list_expired, cache_path, cache_prune, cache_size
from .costs import compute_model_cost, set_model_cost
from .errors import ModelRefusalError, UnresolvedMediaError
from .functions import ExecuteToolsResult, execute_tools
from .handle import Model
from .media import materialize_media, materialize_media_sync
from .roles import model_roles
from .spec import ModelName
from .types import *  # a face: it re-exports the vocabulary as it is
from .types import __all__ as _types

__all__ = [  # noqa: PLE0604  # a list of text
    "ExecuteToolsResult",
    "Model",
    "ModelName",
    "ModelRefusalError",
    "UnresolvedMediaError",
    "cache_clear",
    "cache_list_expired",
    "cache_path",
    "cache_prune",
    "cache_size",
    "compute_model_cost",
    "execute_tools",
    "get_model",
    "materialize_media",
    "materialize_media_sync",
    "model_roles",
    "set_model_cost",
    *_types,
]
