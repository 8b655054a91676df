"""A genuine MinIO for `pytest --real`: built from its Go module; a bucket of its own for each user. Never shipped."""

from __future__ import annotations

import fcntl
import os
import secrets
import subprocess
import uuid
from pathlib import Path

import httpx
import pytest

from tests.genuine import Server
from tests.judged import ROOT, go
from tests.product import free_port

MODULE = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
_BUILT = ROOT / "build" / "minio"
_LIMIT_S = 3600.0
_KEY = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"


class MinioServer(Server):
    """One server with one disk."""

    def __init__(self) -> None:
        super().__init__("minio")
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.access_key, self.secret_key = "regard", secrets.token_hex(16)
        (self.folder / "data").mkdir()
        environment = ["env", f"MINIO_ROOT_USER={self.access_key}", f"MINIO_ROOT_PASSWORD={self.secret_key}"]
        serve = ["server", "--quiet", "--address", f"127.0.0.1:{port}", str(self.folder / "data")]
        self.start([*environment, str(program()), *serve], self._is_ready)

    def bucket(self) -> str:
        """An empty bucket; its URL."""
        name = f"log-{uuid.uuid4()}"
        (self.folder / "data" / name).mkdir()  # with one disk, a bucket is a folder
        return f"s3://{name}/log"

    def reach(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Lets this process reach it, as an operator would."""
        for name, value in zip(_KEY, (self.access_key, self.secret_key), strict=True):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", self.url)
        monkeypatch.setenv("AWS_REGION", "us-east-1")

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/minio/health/ready", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


def program() -> Path:
    """The server's program, built if it was not: that takes minutes, once."""
    _BUILT.mkdir(parents=True, exist_ok=True)
    with open(_BUILT / "lock", "w") as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (_BUILT / "minio").exists():
            built = subprocess.run(
                [go(), "install", MODULE],
                env={**os.environ, "GOBIN": str(_BUILT), "GOFLAGS": "", "GOWORK": "off"},
                cwd=_BUILT,
                capture_output=True,
                text=True,
                timeout=_LIMIT_S,
                check=False,
            )
            assert built.returncode == 0, built.stderr
    return _BUILT / "minio"
