"""Witnesses: a server that anybody can run (`regard witness`), and how a log has its checkpoints cosigned."""

from regard_client.witness.client import Answer, Witnesses
from regard_client.witness.server import application
from regard_client.witness.state import Witness, open_witness

__all__ = ["Answer", "Witness", "Witnesses", "application", "open_witness"]
