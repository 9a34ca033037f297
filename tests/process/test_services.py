"""Services that are named in the model: their keys and URLs reach the daemon from the shell."""

from __future__ import annotations

import pytest

from tests.fakes.programs import Program
from tests.fakes.upstream import UpstreamThread, fingerprint

pytestmark = pytest.mark.beside

ASKING = """
import sys
from modeld import get_model
from modeld.errors import ModeldError

for line in sys.stdin:
    try:
        print(get_model(line.strip()).generate_sync("hi").completion, flush=True)
    except ModeldError as error:
        print(type(error).__name__, " ".join(str(error).split()), flush=True)
"""


@pytest.fixture
def upstream():
    with UpstreamThread() as server:
        yield server


def test_every_service_gets_its_own_key_of_the_shell_that_calls(modeld_home, upstream):
    url = upstream.base_url()
    one = {"FIRST_ONE_API_KEY": "key-one", "FIRST_ONE_BASE_URL": url, "TOGETHER_API_KEY": "key-t"}
    shell = Program(
        ASKING, **one, SECOND_API_KEY="key-two", SECOND_BASE_URL=url, TOGETHER_BASE_URL=url
    )
    with shell:
        for model in ("openai-api/first-one/a", "openai-api/second/org/b", "together/c"):
            shell.tell(model)
            assert shell.hear() == "Hello!"
        keys = ("key-one", "key-two", "key-t")
        assert upstream.stats().keys == {fingerprint(key): 1 for key in keys}
        shell.tell("openai-api/third/m")
        assert "THIRD_BASE_URL" in shell.hear()
        shell.tell("cloudflare/m")
        assert "CLOUDFLARE_ACCOUNT_ID" in shell.hear()
