"""A person for the fuzzers of SCIM."""

from regard.identity.v1.events_pb2 import DirectoryRecordKept
from regard.identity.v1.identity_pb2 import Person, Profile

from services.identity.directory import Known

KNOWN = Known(
    Person(id="01900000-0000-7000-8000-000000000001", profile=Profile(name="Ada", email="ada@x.fr"), active=True),
    DirectoryRecordKept.Record(
        user='{"userName":"ada","displayName":"Ada","emails":[{"value":"ada@x.fr","type":"work"}]}', user_name="ada"
    ),
    7,
)
