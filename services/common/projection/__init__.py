"""Views and reactions: what follows the events of some topics, each exactly once, whatever Kafka loses or repeats.

    types        what a service declares: Projection, Reaction
    topics       which streams belong to which partition of which topic
    positions    the tables that say how far each has come, and what it had to set aside
    progress     how far this process has seen it come, and waiting for more
    outcome      what may come of a batch, and which errors pass by themselves
    views        applies events to tables: rows and position in one transaction
    reactions    carries out what events ask for, then saves the position
    runner       feeds one of these two from Kafka, and from the event store where Kafka has holes
    subscription the FastStream subscriber and its parser
    rebuild      fills empty tables from the event store alone, by the same path
    statements   prepares statements and groups them, so that a batch costs few round trips

Reducers use the `insert` of sqlalchemy.dialects.postgresql where they need ON CONFLICT: SQLite understands it too.
"""

from services.common.projection.progress import Progress
from services.common.projection.rebuild import rebuild
from services.common.projection.runner import Runner, Timing
from services.common.projection.statements import Prepared, Statement, parameter
from services.common.projection.topics import Partition, Topics
from services.common.projection.types import Projection, Reaction

__all__ = [
    "Partition",
    "Prepared",
    "Progress",
    "Projection",
    "Reaction",
    "Runner",
    "Statement",
    "Timing",
    "Topics",
    "parameter",
    "rebuild",
]
