"""Puts the page together."""

from services.common.kernel import Kernel, Service
from services.common.settings import Settings
from services.gateway import asyncapi, openapi
from services.page.site import Site


def build(settings: Settings, kernel: Kernel) -> Service:
    """The application, not yet served."""
    documents = {"openapi": openapi.document(), "asyncapi": asyncapi.document()}
    site = Site(settings.gateway_url, settings.url, settings.data / "demonstration.json", documents)
    return Service(name="page", http=site.application())
