"""A server, and an exporter that sends each request twice."""

import json
import os
import pathlib
import subprocess
import urllib.request

import pytest
import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from requests.adapters import HTTPAdapter

ROOT = pathlib.Path(__file__).resolve().parents[3]
RECORDED = pathlib.Path(__file__).parent / "recorded"
ORCHESTRATOR = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release/orchestrator"


class Server:
    """An `orchestrator serve` of its own."""

    def __init__(self, folder):
        environment = {**os.environ, "DATABASE_PATH": str(folder / "test.db"), "WEBSOCKET_PORT": "0", "NO_COLOR": "1"}
        command = [ORCHESTRATOR, "--manifest", ROOT / "spin.toml", "serve"]
        self.process = subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "serving http://" in line:
                self.url = "http://" + line.strip().split("http://")[1]
                break
        else:
            raise RuntimeError("the server has not started")

    def get(self, path):
        """What is answered to a GET."""
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)

    def stop(self):
        """Ends it."""
        self.process.terminate()
        self.process.wait()
        self.process.stderr.close()


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    yield server
    server.stop()


class Twice(HTTPAdapter):
    """Sends each request twice, and keeps it. The second one changes nothing."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.sent = []

    def send(self, request, **more):
        """Sends it, looks, and sends it again."""
        first = super().send(request, **more)
        before = self.state()
        again = super().send(request, **more)
        assert (again.status_code, again.content) == (200, b"") == (first.status_code, first.content)
        assert self.state() == before
        self.sent.append(request.body)
        return first

    def state(self):
        """All that is told."""
        kinds = ["agents", "runtime/agents", "runtime/prompts", "runtime/logs", "runtime/system-logs", "runtime/stats"]
        return {kind: self.server.get(f"/api/{kind}") for kind in kinds}


@pytest.fixture(params=["each span by itself", "in a batch"])
def exporting(request, server):
    """A provider whose spans go to the server, and what sends them."""
    is_batch = request.param == "in a batch"
    twice = Twice(server)
    session = requests.Session()
    session.mount("http://", twice)
    compression = Compression.NoCompression if is_batch else Compression.Gzip
    exporter = OTLPSpanExporter(endpoint=f"{server.url}/v1/traces", session=session, compression=compression)
    provider = TracerProvider(resource=Resource.create({"service.name": "live"}))
    provider.add_span_processor((BatchSpanProcessor if is_batch else SimpleSpanProcessor)(exporter))
    yield provider, twice
    provider.shutdown()
