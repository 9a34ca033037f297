"""A client of SessionService.Connect that sends exactly what a test says, good or bad."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any, Self

import grpc

from modeld.v1 import session_service_pb2 as pb
from modeld.v1.inference_service_pb2 import Call, CountTokensRequest
from modeld.v1.model_service_pb2 import ModelSpec, OpenModelRequest
from modeld.v1.session_service_pb2_grpc import SessionServiceStub
from tests.fakes.serving import House

OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
)


def bearer(house: House) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {house.token}"),)


def open_channel(house: House, *options: tuple[str, int]) -> grpc.Channel:
    return grpc.insecure_channel(f"unix:{house.socket}", options=(*OPTIONS, *options))


def hello(**fields: Any) -> pb.ClientFrame:
    defaults = {"client_name": "raw", "pid": 1, "protocol_min": 1, "protocol_max": 1}
    return pb.ClientFrame(hello=pb.Hello(**{**defaults, **fields}))


def resuming(session: str, received: int, **fields: Any) -> pb.ClientFrame:
    """A hello that goes on with a session."""
    resume = pb.Resume(session=session, received=received)
    return hello(capabilities=["resume"], resume=resume, **fields)


def call(text: str, model: str = "free/model", **fields: Any) -> Call:
    target = {} if "handle" in fields else {"model": ModelSpec(name=model)}
    return Call(input=text, **target, **fields)


def generate(id: int, text: str, *, timeout_ms: int = 0, **fields: Any) -> pb.ClientFrame:
    payload = call(text, **fields).SerializeToString()
    return pb.ClientFrame(call_id=id, timeout_ms=timeout_ms, generate=payload)


def stream(id: int, text: str, **fields: Any) -> pb.ClientFrame:
    return pb.ClientFrame(call_id=id, generate_stream=call(text, **fields).SerializeToString())


def count(id: int, text: str, **fields: Any) -> pb.ClientFrame:
    request = CountTokensRequest(call=call(text))
    return pb.ClientFrame(call_id=id, count_tokens=request.SerializeToString(), **fields)


def open_model(id: int, name: str, **fields: Any) -> pb.ClientFrame:
    request = OpenModelRequest(model=ModelSpec(name=name, **fields))
    return pb.ClientFrame(call_id=id, open_model=request.SerializeToString())


def environment(*unset: str, **values: str) -> pb.ClientFrame:
    return pb.ClientFrame(environment=pb.Environment(set=values, unset=unset))


def cancel(id: int, *, even_if_lasting: bool = False) -> pb.ClientFrame:
    body = pb.CancelCall(even_if_lasting=even_if_lasting)
    return pb.ClientFrame(call_id=id, cancel=body)


class RawSession:
    """One stream. Nothing is read but when the test asks for a frame."""

    def __init__(
        self,
        house: House,
        *,
        token: str | None = None,
        greeting: pb.ClientFrame | None = None,
        seconds: float = 15.0,
        options: tuple[tuple[str, int], ...] = (),
    ) -> None:
        self._channel = open_channel(house, *options)
        self._outbox: SimpleQueue[pb.ConnectRequest | None] = SimpleQueue()
        self._read: deque[pb.ServerFrame] = deque()
        self._by_call: dict[int, deque[pb.ServerFrame]] = defaultdict(deque)
        self.largest_message = 0
        self.received = 0
        """Messages that count, as a client that resumes counts them."""
        self.confirmed = 0
        """How many of this side's messages the daemon says it has."""
        metadata = (("authorization", f"Bearer {house.token if token is None else token}"),)
        self.stream = SessionServiceStub(self._channel).Connect(
            iter(self._outbox.get, None), metadata=metadata, timeout=seconds
        )
        self.send(greeting or hello())

    def greet(self) -> Self:
        """Waits for the welcome."""
        self.welcome = self.frame(0).welcome
        return self

    def __enter__(self) -> Self:
        return self.greet()

    def __exit__(self, *_error: object) -> None:
        self.vanish()

    def vanish(self) -> None:
        """As if the process had died."""
        self.stream.cancel()
        self._outbox.put(None)
        self._channel.close()

    def send(self, *frames: pb.ClientFrame) -> None:
        """Sends frames in one message."""
        self._outbox.put(pb.ConnectRequest(frames=frames))

    def acknowledge(self, received: int | None = None, *, ask: bool = False) -> None:
        """Says what was received."""
        count = self.received if received is None else received
        self._outbox.put(pb.ConnectRequest(received=count, acknowledge=ask))

    def any_frame(self) -> pb.ServerFrame:
        """The next frame, whosever it is."""
        while not self._read:
            message = next(self.stream)
            self.largest_message = max(self.largest_message, message.ByteSize())
            self.confirmed = max(self.confirmed, message.received)
            welcomes = any(frame.HasField("welcome") for frame in message.frames)
            self.received += bool(message.frames) and not welcomes
            self._read.extend(message.frames)
        return self._read.popleft()

    def frame(self, id: int) -> pb.ServerFrame:
        """The next frame of that call; those of others are kept for later."""
        kept = self._by_call[id]
        while not kept:
            frame = self.any_frame()
            self._by_call[frame.call_id].append(frame)
        return kept.popleft()

    def whole(self, id: int) -> Iterator[pb.ServerFrame]:
        """Frames of a call up to its end, with chunks put together."""
        data = b""
        while True:
            frame = self.frame(id)
            if frame.WhichOneof("body") == "chunk":
                data += frame.chunk.data
                if not frame.chunk.last:
                    continue
                frame, data = pb.ServerFrame.FromString(data), b""
            yield frame
            if frame.WhichOneof("body") != "event" or frame.event.HasField("finished"):
                return

    def end(self, id: int) -> pb.ServerFrame:
        """The frame that ends a call."""
        return list(self.whole(id))[-1]

    def answer(self, id: int) -> str:
        """The text of the answer of a call."""
        frame = self.end(id)
        assert not frame.HasField("failed"), frame.failed
        return frame.event.finished.output.choices[0].message.text

    def reason(self, id: int) -> int:
        """Why a call failed."""
        frame = self.end(id)
        assert frame.HasField("failed"), frame
        return frame.failed.reason

    def opened(self, id: int, name: str, **fields: Any) -> str:
        """Opens a model and gives its handle."""
        self.send(open_model(id, name, **fields))
        return self.end(id).opened.handle

    def status(self) -> grpc.StatusCode:
        """How the stream ended."""
        try:
            while True:
                self.any_frame()
        except grpc.RpcError as error:
            return error.code()
        except StopIteration:
            return grpc.StatusCode.OK
