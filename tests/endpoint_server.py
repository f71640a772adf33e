"""A server of faults, on loopback: a closed-form classifier behind four protocols, which fails as it is told.

Started as a process of its own: ``python endpoint_server.py '{"share": 0.2}'`` prints the port on which it
listens and serves until its stdin ends. Which request fails, and how, depends on the pixels and on how often they
were shown, never on time or order. It counts what it is asked: ``GET /seen``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import gzip
import hashlib
import io
import json
import random
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import numpy as np

FAULTS = (
    "reset", "timeout", "429", "429-seconds", "429-date", "500", "503",
    "truncated", "count", "nan", "html", "foreign",
)  # fmt: skip
_NO_IDS = tuple(fault for fault in FAULTS if fault != "foreign")


@dataclass
class Config:
    """How the server behaves.

    Attributes:
        side: Of the frame.
        classes: Number of classes.
        latency: Seconds that an answer takes.
        allowed: Requests in flight; more are refused with 429. None for any number.
        rate: Requests in a second that are allowed; more are refused with 429.
        share: Of the transmissions that fail.
        faults: What then happens.
        seed: Of the choice.
        dies_after: Requests after which it answers with status 500 only.
        hang: Seconds after which a request that times out is dropped.
        token: What the header Authorization must hold.
        probabilities: Whether the scores are probabilities.
        blind: Whether it answers without looking, for measuring a client.
        ids: Whether answers bear the request's id.
        binary: Whether it says that it takes binary tensors.
        kind: Type of the tensor that v2 takes.
        port: On which it listens; 0 for any that is free.
        prey: How an answer is made that no one should read: "huge", "bomb", "deep", "redirect:URL", "status:N".
    """

    side: int = 35
    classes: int = 5
    latency: float = 0.0
    allowed: int | None = None
    rate: float | None = None
    share: float = 0.0
    faults: list[str] = field(default_factory=lambda: list(FAULTS))
    seed: int = 0
    dies_after: int | None = None
    hang: float = 30.0
    token: str | None = None
    probabilities: bool = False
    blind: bool = False
    ids: bool = True
    binary: bool = True
    kind: str = "FP32"
    prey: str | None = None
    port: int = 0


def weights(side: int, classes: int) -> np.ndarray:
    """What the classifier multiplies the means of 5 × 5 places with, float64 [places · 3, K]."""
    places = side // 5
    return np.random.default_rng(11).normal(size=(places * places * 3, classes)) / 40


def classify(image: np.ndarray, classes: int) -> np.ndarray:
    """Logits of one image, uint8 [H, W, 3]; the same numbers wherever they are computed."""
    side = image.shape[0] // 5 * 5
    blocks = image[:side, :side].astype(np.int64).reshape(side // 5, 5, side // 5, 5, 3).sum(axis=(1, 3))
    table = np.rint(weights(image.shape[0], classes) * 2**20).astype(np.int64)
    return (blocks.reshape(-1) @ table) / (2.0**20 * 25)


class Server:
    def __init__(self, config: Config) -> None:
        self.config = config
        self.seen = self.most = self.flying = self.refused = 0
        self.shown: Counter[str] = Counter()
        self.times: list[float] = []
        self.heard: list[dict[str, str]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ", 2)
                headers = {
                    k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                keep = await self.route(method, path, headers, body, writer)
                await writer.drain()
                if not keep:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def route(
        self, method: str, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        if path == "/seen":
            report = {
                "seen": self.seen,
                "most": self.most,
                "refused": self.refused,
                "times": self.times,
                "heard": self.heard,
                "shown": dict(self.shown),
            }
            return send(writer, 200, json.dumps(report).encode())
        if self.config.token is not None and headers.get("authorization") != self.config.token:
            said = {"error": f"not {headers.get('authorization')}"}  # servers do repeat what they are told
            return send(writer, 401, json.dumps(said).encode())
        if method == "GET":
            found = self.described(path)
            return send(writer, 404 if found is None else 200, json.dumps(found).encode())
        self.seen += 1
        self.flying += 1
        self.times.append(time.monotonic())
        self.most = max(self.most, self.flying)
        try:
            return await self.infer(path, headers, body, writer)
        finally:
            self.flying -= 1

    async def infer(
        self, path: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> bool:
        config = self.config
        if len(self.heard) < 3:
            self.heard.append(headers)
        if config.dies_after is not None and self.seen > config.dies_after:
            return send(writer, 500, b"dead")
        if config.prey is not None:
            return await prey(config.prey, writer)
        window = [moment for moment in self.times[-1000:] if moment > self.times[-1] - 1.0]
        if (config.allowed is not None and self.flying > config.allowed) or (
            config.rate is not None and len(window) > config.rate
        ):
            self.refused += 1
            return send(writer, 429, b"too many")
        if config.latency:
            await asyncio.sleep(config.latency)
        request = b"" if config.blind else body
        image, note = (None, {}) if config.blind else read_image(path, headers, request)
        scores = np.arange(config.classes) / 3.0 if image is None else classify(image, config.classes)
        if config.probabilities:
            scores = np.exp(scores - scores.max())
            scores /= scores.sum()
        if config.blind and path.startswith("/v2"):
            binary = "inference-header-content-length" in headers
            note = {"id": json.loads(body[6 : body.index(b",")])}
            note["outputs"] = [{"parameters": {"binary_data": binary}}]
        fault = None if image is None else self.fault(image)
        if fault is not None:
            return await self.fail(fault, path, note, scores, writer)
        kind, answer = write_answer(path, note if config.ids else {**note, "id": None}, scores)
        return send(writer, 200, answer, **kind)

    def fault(self, image: np.ndarray) -> str | None:
        digest = hashlib.sha256(image.tobytes()).hexdigest()
        self.shown[digest] += 1
        if not self.config.share:
            return None
        draw = random.Random(f"{self.config.seed} {digest} {self.shown[digest]}")
        return draw.choice(self.config.faults) if draw.random() < self.config.share else None

    async def fail(
        self, fault: str, path: str, note: dict[str, Any], scores: np.ndarray, writer: asyncio.StreamWriter
    ) -> bool:
        if fault == "reset":
            writer.transport.abort()
            return False
        if fault == "timeout":
            await asyncio.sleep(self.config.hang)
            return False
        if fault.startswith("429"):
            after = {
                "429-seconds": {"Retry-After": "0"},
                "429-date": {"Retry-After": formatdate(usegmt=True)},
            }
            return send(writer, 429, b"slowly", **after.get(fault, {}))
        if fault in ("500", "503"):
            return send(writer, int(fault), b"{}")
        if fault == "html":
            return send(writer, 200, b"<!DOCTYPE html><html>Sign in</html>", **{"Content-Type": "text/html"})
        if fault == "count":
            scores = scores[:-1]
        elif fault == "nan":
            scores = np.where(np.arange(len(scores)) == 1, np.nan, scores)
        elif fault == "foreign":
            note = {**note, "id": "of-another"}
        kind, answer = write_answer(path, note, scores)
        if fault == "truncated":
            answer = answer[: len(answer) - 7]
        return send(writer, 200, answer, **kind)

    def described(self, path: str) -> dict[str, Any] | None:
        config = self.config
        side, classes = config.side, config.classes
        sides = [-1, side, side, 3] if config.kind == "UINT8" else [-1, 3, side, side]
        answers: dict[str, dict[str, Any]] = {
            "/ping": {"status": "Healthy"},
            "/v2": {
                "name": "faults",
                "version": "1",
                "extensions": ["binary_tensor_data"] if config.binary else [],
            },
            "/v2/models/known": {
                "name": "known",
                "versions": ["3"],
                "platform": "closed form",
                "inputs": [{"name": "image", "datatype": config.kind, "shape": sides}],
                "outputs": [{"name": "scores", "datatype": "FP64", "shape": [-1, classes]}],
            },
            "/v1/models/known/metadata": {
                "model_spec": {"name": "known", "version": "7"},
                "metadata": {"signature_def": {"signature_def": {"serving_default": {
                    "inputs": {"image": _tf("DT_FLOAT", -1, side, side, 3)},
                    "outputs": {"scores": _tf("DT_FLOAT", -1, classes)},
                }}}},
            },
        }  # fmt: skip
        return answers.get(path)


def _tf(kind: str, *sides: int) -> dict[str, Any]:
    return {"dtype": kind, "tensor_shape": {"dim": [{"size": str(side)} for side in sides]}}


def read_image(path: str, headers: dict[str, str], body: bytes) -> tuple[np.ndarray, dict[str, Any]]:
    """The image of a request, uint8 [H, W, 3], and what else its answer must know."""
    if path.startswith("/v2"):
        length = headers.get("inference-header-content-length")
        head = json.loads(body[: int(length)] if length else body)
        tensor = head["inputs"][0]
        kind = {"FP32": "<f4", "UINT8": "u1"}[tensor["datatype"]]
        if length:
            values = np.frombuffer(body[int(length) :], dtype=kind)
            assert len(values) * values.itemsize == tensor["parameters"]["binary_data_size"]
        else:
            values = np.array(tensor["data"], dtype=kind)
        pixels = values.reshape(tensor["shape"])[0]
        if kind == "<f4":
            pixels = pixels.transpose(1, 2, 0)
        assert np.array_equal(pixels, np.rint(pixels))
        return pixels.astype(np.uint8), head
    if path.startswith("/v1"):
        return np.array(json.loads(body)["instances"][0], dtype=np.float64).astype(np.uint8), {}
    kind = headers["content-type"]
    if kind == "image/png":
        return png(body), {}
    if kind.startswith("multipart/form-data"):
        boundary = kind.partition("boundary=")[2].encode()
        parts = body.split(b"--" + boundary)
        file = next(part for part in parts if b'name="photo"; filename=' in part)
        assert any(b'name="mode"\r\n\r\nfast' in part for part in parts)
        return png(file.partition(b"\r\n\r\n")[2][:-2]), {}
    content = json.loads(body)
    image = content["inputs"][0]["image"]
    if isinstance(image, list):
        return np.array(image).astype(np.uint8), content
    return png(base64.b64decode(image.removeprefix("data:image/png;base64,"))), content


def png(data: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(data)))


def write_answer(path: str, note: dict[str, Any], scores: np.ndarray) -> tuple[dict[str, str], bytes]:
    """Headers and body of an answer."""
    if path.startswith("/v2"):
        wanted = (note.get("outputs") or [{}])[0].get("parameters", {}).get("binary_data", False)
        output: dict[str, Any] = {"name": "scores", "datatype": "FP64", "shape": [1, len(scores)]}
        answer = {"id": note.get("id"), "model_name": "known", "outputs": [output]}
        if answer["id"] is None:
            del answer["id"]
        if not wanted:
            output["data"] = scores.tolist()
            return {"Content-Type": "application/json"}, json.dumps(answer).encode()
        output["parameters"] = {"binary_data_size": 8 * len(scores)}
        head = json.dumps(answer).encode()
        kind = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
        return kind, head + struct.pack(f"<{len(scores)}d", *scores)
    if path.startswith("/v1"):
        return {}, json.dumps({"predictions": [scores.tolist()]}).encode()
    order = np.argsort(-scores)[:3]
    if path.startswith("/predictions"):
        return {}, json.dumps({f"class {c}": scores[c] for c in order.tolist()}).encode()
    if path.startswith("/percent"):
        listed = [{"label": f"Class_{c}", "score": round(100 * scores[c])} for c in order.tolist()[::-1]]
        return {}, json.dumps({"result": {"predictions": listed}}).encode()
    if path.startswith("/label"):
        return {}, json.dumps({"best": f"class {order[0]}"}).encode()
    return {}, json.dumps({"scores": scores.tolist()}).encode()


def send(writer: asyncio.StreamWriter, status: int, body: bytes, **headers: str) -> bool:
    lines = [f"HTTP/1.1 {status} so", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    return True


@functools.cache
def bomb() -> bytes:
    """Some kilobytes that unpack to a quarter of a gigabyte."""
    return gzip.compress(gzip.compress(b"0" * 2**28, 1))


async def prey(what: str, writer: asyncio.StreamWriter) -> bool:
    """Answers that a careful client refuses."""
    if what.startswith("redirect:"):
        return send(writer, 307, b"", Location=what.partition(":")[2])
    if what.startswith("status:"):
        return send(writer, int(what.partition(":")[2]), b'{"error": "as told"}')
    if what == "deep":
        return send(writer, 200, b"[" * 200_000)
    if what == "bomb":
        return send(writer, 200, bomb(), **{"Content-Encoding": "gzip, gzip"})
    writer.write(b"HTTP/1.1 200 so\r\nTransfer-Encoding: chunked\r\n\r\n")  # huge, and nothing says so before
    for _ in range(1024):
        writer.write(b"100000\r\n" + b"0" * 2**20 + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    return False


async def main(config: Config) -> None:
    server = Server(config)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", config.port, limit=2**22)
    print(listening.sockets[0].getsockname()[1], flush=True)
    # Whoever started it holds its stdin, so that it never outlives them.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(Config(**json.loads(sys.argv[1] if len(sys.argv) > 1 else "{}"))))
