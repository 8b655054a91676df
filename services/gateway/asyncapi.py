"""The events on Kafka as AsyncAPI 3.0: https://www.asyncapi.com/docs/reference/specification/v3.0.0"""

from google.protobuf import descriptor_pool
from google.protobuf.message import Message

from services.common import contracts
from services.common.contracts import EventFile
from services.gateway.schemas import Node, Schemas, comments, first_sentence

_INTRODUCTION = """\
What Regard's services tell one another: facts in the past tense, one topic a service. Records are CloudEvents in \
binary mode; the value is the event as protobuf (shown here in its JSON form), the key is the stream, so that a \
stream's events keep their order.

Text that people wrote is sealed (`Sealed`): a reader of the topics without its key finds none of it. A reader that \
finds another `ce_previous` than the last position it has seen in the partition has missed something, and reads that \
from the event store.

*En français : les événements que les services de Regard s'échangent ; le texte des personnes y est scellé.*"""

_POSITION = {"type": "string", "pattern": "^[0-9]{20}$"}
_HEADERS: Node = {
    "type": "object",
    "description": "CloudEvents 1.0 attributes, as the Kafka protocol binding writes them in binary mode.",
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "The event; repeated only by a duplicate."},
        "ce_source": {"type": "string", "format": "uri-reference", "description": "/regard/ and the service."},
        "ce_type": {"type": "string", "description": "Full name of the message."},
        "ce_subject": {"type": "string", "description": "The stream: its category, a hyphen, its id."},
        "ce_time": {"type": "string", "format": "date-time", "description": "When it was recorded."},
        "ce_dataschema": {"type": "string", "format": "uri-reference", "description": "Type URL of the message."},
        "content-type": {"type": "string", "const": "application/protobuf"},
        "ce_sequence": {**_POSITION, "description": "Commit position in the event store."},
        "ce_previous": {**_POSITION, "description": "Position of the record before it in this partition; zeros: none."},
        "ce_streamrevision": {"type": "string", "pattern": "^[0-9]+$", "description": "Place in the stream, from 0."},
        "ce_actor": {"type": "string", "description": "Id of the person who caused it, or service:<name>."},
        "ce_commandid": {"type": "string", "format": "uuid", "description": "The command that caused it."},
        "ce_correlationid": {"type": "string", "description": "The request that it goes back to."},
        "ce_causationid": {"type": "string", "description": "The event that caused it, if one did."},
        "ce_schema": {"type": "string", "description": "Version of the message, if it isn't the first."},
        "ce_traceparent": {"type": "string", "description": "W3C trace of its origin."},
        "traceparent": {"type": "string", "description": "W3C trace of this hop."},
    },
    "required": [
        "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_dataschema", "content-type",
        "ce_sequence", "ce_previous", "ce_streamrevision",
    ],
}  # fmt: skip


def document() -> Node:
    """The whole document, ready for JSON."""
    schemas = Schemas()
    files = contracts.event_files()
    messages = {_name(message): _message(_name(message), schemas) for file in files for message in file.messages}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Regard's events",
            "version": "1",
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/protobuf",
        "channels": {file.topic: _channel(file) for file in files},
        "operations": {f"receive.{file.topic}": _operation(file) for file in files},
        "components": {
            "messages": dict(sorted(messages.items())),
            "messageTraits": {"cloudEvent": {"headers": _HEADERS, "bindings": {"kafka": _KEY}}},
            "schemas": schemas.components,
        },
    }


_KEY: Node = {"key": {"type": "string", "description": "The stream, as in ce_subject."}, "bindingVersion": "0.5.0"}


def _channel(file: EventFile) -> Node:
    return {
        "address": file.topic,
        "title": f"Events of {file.service}",
        "description": f"Streams: {', '.join(f'`{category}-<id>`' for category in file.categories)}.",
        "messages": {_short(name): {"$ref": f"#/components/messages/{name}"} for name in map(_name, file.messages)},
        "bindings": {"kafka": {"topic": file.topic, "partitions": file.partitions, "bindingVersion": "0.5.0"}},
    }


def _operation(file: EventFile) -> Node:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{file.topic}"},
        "summary": f"Learn what happens in {file.service}.",
        "messages": [{"$ref": f"#/channels/{file.topic}/messages/{_short(_name(one))}"} for one in file.messages],
    }


def _message(name: str, schemas: Schemas) -> Node:
    text = comments().get(name, "")
    return {
        "name": name,
        "title": _short(name),
        "summary": first_sentence(text),
        "description": text,
        "contentType": "application/protobuf",
        "payload": schemas.of(descriptor_pool.Default().FindMessageTypeByName(name)),
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
    }


def _name(message: type[Message]) -> str:
    return message.DESCRIPTOR.full_name


def _short(name: str) -> str:
    return name.rpartition(".")[2]
