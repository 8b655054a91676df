"""What the system tests share: the demonstration company, running once for all that only use it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests import parts
from tests.parts import Installed


class Company:
    """The product with the demonstration company in it, and tokens of its people."""

    def __init__(self, product: Installed) -> None:
        self.product = product
        self.url = product.ready()
        self._file = product.data / "demonstration.json"
        product.until(lambda: self._file.exists() and '"complete": true' in self._file.read_text())
        self._written: dict[str, Any] = json.loads(self._file.read_text())
        self._tokens: dict[str, str] = {}

    @property
    def password(self) -> str:
        """The one of everybody."""
        return str(self._written["password"])

    def email(self, key: str) -> str:
        """Address of a person, by key."""
        return str(next(one["email"] for one in self._written["people"] if one["key"] == key))

    def name(self, key: str) -> str:
        """Name of a person, by key."""
        return str(next(one["name"] for one in self._written["people"] if one["key"] == key))

    def token(self, key: str) -> str:
        """An access token of a person, by key."""
        if key not in self._tokens:
            credentials = {"email": self.email(key), "password": self.password}
            answer = httpx.post(f"{self.url}/v1/auth:signIn", json=credentials)
            self._tokens[key] = answer.json()["tokens"]["accessToken"]
        return self._tokens[key]

    def client(self, key: str) -> httpx.Client:
        """Calls as a person, with JSON."""
        headers = {"authorization": f"Bearer {self.token(key)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """To be used in the xdist group "company" only, so that one product serves all."""
    with parts.product(tmp_path_factory.mktemp("company"), "demo") as product:
        yield Company(product)
