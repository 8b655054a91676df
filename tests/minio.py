"""A genuine MinIO for `pytest --real`, with a bucket of its own for each user. Never shipped."""

from __future__ import annotations

import secrets
import uuid

import httpx
import pytest

from tests import judged
from tests.genuine import Server
from tests.product import free_port

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
        self.start([*environment, str(judged.built("minio")), *serve], self._is_ready)

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
