"""A server as `vllm serve` and `python -m sglang.launch_server` start it: their entry, their options,
their routes and what they ask a key for. The model's name says how it behaves, the prompt what it does.

It runs on an interpreter of its own, and so uses the standard library only.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

VLLM = "sglang" not in __spec__.name  # type: ignore[union-attr]


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    if VLLM:
        parser.add_argument("command", choices=["serve"])
        parser.add_argument("model")
        parser.add_argument("--max-model-len", type=int)
        parser.add_argument("--enable-lora", action=argparse.BooleanOptionalAction)
        parser.add_argument("--enforce-eager", action=argparse.BooleanOptionalAction)
        parser.add_argument("--tensor-parallel-size", type=int, default=1)
    else:
        parser.add_argument("--model-path", dest="model", required=True)
        parser.add_argument("--context-length", type=int)
        parser.add_argument("--tp-size", type=int, default=1)
        parser.add_argument("--config")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--trust-remote-code", action="store_true")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    return parser.parse_args()


OPTIONS = options()
KEY = os.environ.get("VLLM_API_KEY") if VLLM else None
if not VLLM:
    assert OPTIONS.config.endswith(".yaml"), "Config file must be YAML format"
    with open(OPTIONS.config) as config:
        KEY = json.load(config)["api-key"]
ADAPTERS: "dict[str, str]" = {}
STARTED = time.monotonic()
WORKER = subprocess.Popen(  # as vLLM's engine, and in a session of its own
    [sys.executable, "-c", "import time; time.sleep(600)  # a worker of the server"],
    start_new_session=True,
)


def said(prompt: str) -> str:
    if prompt == "how":
        return json.dumps(
            {
                "argv": sys.argv[1:],
                "options": vars(OPTIONS),
                "environment": dict(os.environ),
                "key": KEY[::-1],
                "pid": os.getpid(),
                "worker": WORKER.pid,
            }
        )
    if prompt == "die":
        print("CUDA error: an illegal memory access was encountered", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    if prompt == "exit":
        os._exit(3)
    if prompt == "sleep":
        time.sleep(60)
    return f"{OPTIONS.model} heard {prompt}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/health":
            late = OPTIONS.model == "late" and time.monotonic() - STARTED < 2
            self.answer(503 if late or OPTIONS.model == "never" else 200, {})
        elif self.allowed():
            names = [OPTIONS.model, *ADAPTERS]
            self.answer(200, {"object": "list", "data": [{"id": name} for name in names]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.allowed():
            load = self.path == "/v1/load_lora_adapter"
            self.answer(*(self.load(body) if load else self.complete(body)))

    def load(self, body: "dict[str, str]") -> "tuple[int, dict[str, object]]":
        if not OPTIONS.enable_lora or not os.environ["VLLM_ALLOW_RUNTIME_LORA_UPDATING"]:
            return 404, {"detail": "Not Found"}
        if body["lora_path"] == "missing":
            return 404, {"error": {"message": "No adapter found for missing"}}
        ADAPTERS[body["lora_name"]] = body["lora_path"]
        return 200, {}

    def complete(self, body: "dict[str, Any]") -> "tuple[int, dict[str, object] | str]":
        if body["model"] not in (OPTIONS.model, *ADAPTERS):
            return 404, {"error": {"message": f"The model {body['model']} is unknown"}}
        if body["messages"][-1]["content"] == "half":
            self.break_off()
        text = said(body["messages"][-1]["content"])
        if body["model"] in ADAPTERS:
            text += f" through {ADAPTERS[body['model']]}"
        choice = {"index": 0, "finish_reason": "stop"}
        usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
        answer = {"id": "1", "model": body["model"], "usage": usage}
        if not body.get("stream"):
            message = {"role": "assistant", "content": text}
            return 200, {**answer, "choices": [{**choice, "message": message}]}
        chunk = {**answer, "choices": [{**choice, "delta": {"content": text}}]}
        return 200, f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"

    def allowed(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {KEY}":
            return True
        self.answer(401, {"error": {"message": "Unauthorized"}})
        return False

    def break_off(self) -> None:
        """Half a stream, and the server's end."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", "1000")
        self.end_headers()
        choice = {"index": 0, "delta": {"content": "half of"}, "finish_reason": None}
        self.wfile.write(f"data: {json.dumps({'id': '1', 'choices': [choice]})}\n\n".encode())
        time.sleep(0.5)
        said("die")

    def answer(self, status: int, body: "dict[str, object] | str") -> None:
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        kind = "text/event-stream" if isinstance(body, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    print(f"server_args=ServerArgs(model={OPTIONS.model!r}, api_key={KEY!r})", flush=True)
    if OPTIONS.model == "broken":
        print("ValueError: No available memory for the cache blocks.", flush=True)
        sys.exit(1)
    if OPTIONS.model == "late":
        for done, end in ((0, "\r"), (50, "\r"), (100, "\r\n")):
            bar = f"Loading safetensors checkpoint shards: {done:3}% Completed | {done // 50}/2"
            print(bar, end=end, flush=True)
            time.sleep(0.1)
    ThreadingHTTPServer((OPTIONS.host, OPTIONS.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
