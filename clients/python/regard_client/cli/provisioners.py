"""The clients that provision people over SCIM, such as the company's identity provider."""

import sys
from typing import Annotated

import typer
from regard.identity.v1.identity_pb2 import (
    AddProvisionerRequest,
    ListProvisionersRequest,
    RevokeProvisionerRequest,
)

from regard_client.cli.context import connected, err, options, pages, show, show_json

provisioners = typer.Typer(no_args_is_help=True, help="Clients that provision people over SCIM at /scim/v2.")


@provisioners.command("add")
def add(name: Annotated[str, typer.Argument(help="What to call it, for example Okta.")]) -> None:
    """Add a client, and print its token: it is shown this once."""
    with connected() as regard:
        added = regard.provisioning.AddProvisioner(AddProvisionerRequest(name=name))
    if options.json:
        show_json(added)
        return
    err.print(f"{name} is {added.provisioner.id}. Its token, which is not shown again:", markup=False)
    sys.stdout.write(added.token + "\n")


@provisioners.command("list")
def list_() -> None:
    """List the clients, who added them and when they last called."""
    with connected() as regard:
        asked = pages(lambda page: regard.provisioning.ListProvisioners(ListProvisionersRequest(page=page)))
        found = [one for answer in asked for one in answer.provisioners]
    show(
        found,
        {
            "client": lambda one: one.name,
            "state": lambda one: "revoked" if one.revoked else "active",
            "last called": lambda one: (
                one.used_at.ToDatetime().date().isoformat() if one.HasField("used_at") else "never"
            ),
            "added by": lambda one: one.added_by,
            "id": lambda one: one.id,
        },
        empty="There is none yet. Add one with: regard provisioners add NAME",
    )


@provisioners.command("revoke")
def revoke(provisioner: Annotated[str, typer.Argument(metavar="ID", help="Identifier of the client.")]) -> None:
    """End a client's token at once."""
    with connected() as regard:
        regard.provisioning.RevokeProvisioner(RevokeProvisionerRequest(provisioner_id=provisioner))
