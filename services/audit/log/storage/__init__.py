"""Where the log's files lie: a port with one suite, and who keeps it.

types    Storage, and what it raises
memory   in this process, for tests
folder   files, for one machine
objects  a bucket, as S3 has them
"""

from services.audit.log.storage.folder import FolderStorage
from services.audit.log.storage.memory import MemoryStorage
from services.audit.log.storage.objects import ObjectStorage
from services.audit.log.storage.types import Conflict, Storage, unavailable

__all__ = ["Conflict", "FolderStorage", "MemoryStorage", "ObjectStorage", "Storage", "unavailable"]
