"""What only those visitors are given who came by TLS, as the gateway says."""

from pathlib import Path

import httpx
import pytest

from services.page.site import Site


@pytest.mark.parametrize("address", ["/", "/app/demonstration", "/static/page.css", "/nothing"])
async def test_browsers_that_came_by_tls_come_back_by_tls_alone(tmp_path: Path, address: str) -> None:
    site = Site("http://localhost:1", "https://regard.example", tmp_path / "demonstration.json", {}, tmp_path)
    transport = httpx.ASGITransport(site.application())
    async with httpx.AsyncClient(transport=transport, base_url="http://regard.example") as browser:
        by_tls = await browser.get(address, headers={"x-forwarded-proto": "https"})
        without = await browser.get(address, headers={"x-forwarded-proto": "http"})
    assert by_tls.headers["strict-transport-security"] == "max-age=31536000"
    assert "strict-transport-security" not in without.headers
    assert by_tls.status_code == without.status_code
