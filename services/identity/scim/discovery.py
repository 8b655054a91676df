"""What the service says of itself (RFC 7644, section 4)."""

from scim2_models import (
    AuthenticationScheme,
    Bulk,
    ChangePassword,
    ETag,
    Filter,
    Meta,
    Patch,
    ResourceType,
    Schema,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
)

from services.identity.scim.resources import Enterprise, Person, User

MOST_RESULTS = 200


class Discovery:
    """The three discovery endpoints, with their locations under `base`."""

    def __init__(self, base: str) -> None:
        provider = ScimProvider([User, Enterprise], [ResourceType.from_resource(Person)], _config(base))
        self.config = _config(base)
        self.types: dict[str, ResourceType] = {str(one.name): one for one in provider.resource_types}
        self.schemas: dict[str, Schema] = {str(one.id): one for one in provider.schemas}
        for name, resource_type in self.types.items():
            resource_type.meta = Meta(resource_type="ResourceType", location=f"{base}/ResourceTypes/{name}")
        for id, schema in self.schemas.items():
            schema.meta = Meta(resource_type="Schema", location=f"{base}/Schemas/{id}")


def _config(base: str) -> ServiceProviderConfig:
    return ServiceProviderConfig(
        patch=Patch(supported=True),
        bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
        filter=Filter(supported=True, max_results=MOST_RESULTS),
        change_password=ChangePassword(supported=False),
        sort=Sort(supported=False),
        etag=ETag(supported=True),
        authentication_schemes=[
            AuthenticationScheme(
                type="oauthbearertoken",
                name="Provisioning token",
                description="A token that a platform administrator of Regard gives to one client, and can revoke.",
                primary=True,
            )
        ],
        meta=Meta(resource_type="ServiceProviderConfig", location=f"{base}/ServiceProviderConfig"),
    )
