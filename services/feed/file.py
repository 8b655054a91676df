"""A file of a group, as far as decisions go. Stream: file-<id>. Its bytes are parts.py's."""

from dataclasses import dataclass, replace

from google.protobuf.message import Message
from regard.common.v1.common_pb2 import Level, Sealed
from regard.feed.v1.events_pb2 import FileAdded, FileWithdrawn

from services.common.decider import Decider
from services.feed.refusals import NEITHER_AUTHOR_NOR_MODERATOR, NO_SUCH_FILE


@dataclass(frozen=True, slots=True)
class File:
    """What decisions need to know; an empty id: there is none."""

    id: str = ""
    group_id: str = ""
    author_id: str = ""
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class AddFile:
    """Adds a file whose parts are all there."""

    file_id: str
    group_id: str
    author_id: str
    description: Sealed
    level: Level
    size: int


@dataclass(frozen=True, slots=True)
class WithdrawFile:
    """`moderates`: whether who does it moderates the group."""

    by: str
    moderates: bool


Command = AddFile | WithdrawFile


def decide(command: Command, file: File) -> tuple[Message, ...]:
    """The events that the command causes; () when nothing is left to do. Raises Refused."""
    match command:
        case AddFile() if file.id:
            return ()
        case AddFile():
            return (
                FileAdded(
                    file_id=command.file_id,
                    group_id=command.group_id,
                    author_id=command.author_id,
                    description=command.description,
                    level=command.level,
                    size=command.size,
                ),
            )
        case WithdrawFile() if not file.id:
            raise NO_SUCH_FILE()
        case WithdrawFile() if command.by != file.author_id and not command.moderates:
            raise NEITHER_AUTHOR_NOR_MODERATOR()
        case WithdrawFile() if file.withdrawn:
            return ()
        case WithdrawFile():
            return (FileWithdrawn(file_id=file.id, withdrawn_by=command.by),)


def evolve(file: File, event: Message) -> File:
    """The file after `event`."""
    match event:
        case FileAdded():
            return File(event.file_id, event.group_id, event.author_id)
        case FileWithdrawn():
            return replace(file, withdrawn=True)
        case _:
            return file


DECIDER: Decider[Command, File] = Decider("file", File(), decide, evolve)
