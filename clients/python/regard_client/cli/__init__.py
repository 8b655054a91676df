"""The `regard` command."""

from regard_client.cli.app import main

__all__ = ["main"]
