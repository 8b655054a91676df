"""Puts the page together."""

from pathlib import Path

from services.common.kernel import Kernel, Service
from services.common.settings import Settings
from services.gateway import asyncapi, openapi
from services.page.site import Site

WEB_CLIENT = Path(__file__).parents[2] / "build" / "web"
"""Where scripts/web.py puts the web client."""


def build(settings: Settings, kernel: Kernel) -> Service:
    """The application, not yet served."""
    documents = {"openapi": openapi.document(), "asyncapi": asyncapi.document()}
    site = Site(settings.gateway_url, settings.url, settings.data / "demonstration.json", documents, WEB_CLIENT)
    return Service(name="page", http=site.application())
