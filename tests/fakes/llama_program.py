"""The program of `llama_server`: run with the model's name, a port and a key. It says READY once it
serves, and ends with its standard input.
"""

from __future__ import annotations

import os
import sys

import xllamacpp

from modeld_daemon.providers.llama_cpp.weights import installed_weights

# The model's own template knows no tools; this one writes them, and what they gave, as Qwen's does.
TEMPLATE = """
{%- if tools %}<|im_start|>system
# Tools
<tools>{% for tool in tools %}
{{ tool | tojson }}{% endfor %}
</tools>
For each function call, return a json object within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == "tool" %}<|im_start|>user
<tool_response>
{{ message.content }}
</tool_response><|im_end|>
{% else %}<|im_start|>{{ message.role }}
{{ message.content or "" }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def main() -> None:
    """Serves until nobody holds the other end of standard input."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(installed_weights())
    parameters.model_alias = {sys.argv[1]}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = int(sys.argv[2])
    parameters.api_keys = [sys.argv[3]]
    parameters.n_parallel = 2
    parameters.n_ctx = 2048
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.use_jinja = True
    parameters.chat_template = TEMPLATE.lstrip()
    parameters.ui = False
    parameters.fit_params = False
    parameters.cache_ram_mib = 0
    parameters.verbosity = 1
    server = xllamacpp.Server(parameters)
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    sys.stdin.read()
    del server
    os._exit(0)


if __name__ == "__main__":
    main()
