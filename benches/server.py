"""A throw-away PostgreSQL with its settings as installed, durability included; and how the programs are found."""
import contextlib
import glob
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile


def programs():
    """The folder with initdb, pg_ctl, psql and pgbench."""
    for folder in [os.environ.get("KINKEEPER_PG_BIN", ""), *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True),
                   *os.environ["PATH"].split(":")]:
        if folder and all(os.access(f"{folder}/{name}", os.X_OK) for name in ("initdb", "pg_ctl", "psql", "pgbench")):
            return pathlib.Path(folder)
    sys.exit("PostgreSQL's initdb, pg_ctl, psql and pgbench aren't found; KINKEEPER_PG_BIN says where they are")


def _unprivileged():
    """Servers refuse to run as root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


class Postgres:
    """One server; databases are made in it by name."""

    def __init__(self, parent):
        self.bin = programs()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kinkeeper-bench-pg-", dir=parent))
        self.folder.chmod(0o700)
        as_whom = _unprivileged()
        if as_whom:
            os.chown(self.folder, as_whom["user"], as_whom["group"])
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        data = str(self.folder / "data")
        self._run([self.bin / "initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C"])
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} -c shared_buffers=512MB -c max_wal_size=4GB"
        self._run([self.bin / "pg_ctl", "-D", data, "-o", options, "-w", "-l", str(self.folder / "log"), "start"])

    def _run(self, command):
        done = subprocess.run([str(part) for part in command], cwd=self.folder, capture_output=True, text=True, check=False, **_unprivileged())
        if done.returncode != 0:
            sys.exit(f"{command[0]} failed: {done.stderr}")

    def database(self, name):
        self.sql("postgres", f'CREATE DATABASE "{name}"')
        return f"postgres://bench@127.0.0.1:{self.port}/{name}"

    def copy(self, name, new):
        """A database with all that another one has, which nobody is connected to."""
        self.sql("postgres", f'CREATE DATABASE "{new}" TEMPLATE "{name}"')
        return f"postgres://bench@127.0.0.1:{self.port}/{new}"

    def drop(self, name):
        self.sql("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def psql(self, name, script, **options):
        """Runs a script of several commands in one session."""
        command = [str(self.bin / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench", "-X", "-q", "-A", "-t",
                   "-v", "ON_ERROR_STOP=1", "-d", name]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False, **options)
        if done.returncode != 0:
            sys.exit(f"psql failed: {done.stderr}")
        return done.stdout

    def sql(self, name, statement):
        return self.psql(name, statement + ";\n").split("\n")[:-1]

    def pgbench(self, name, script, clients, seconds):
        """Transactions a second of a script, each one durable."""
        path = self.folder / "script.sql"
        path.write_text(script, encoding="utf-8")
        command = [str(self.bin / "pgbench"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "bench", "-n", "-M", "prepared",
                   "-c", str(clients), "-j", "2", "-T", str(seconds), "-f", str(path), name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"pgbench failed: {done.stderr}")
        line = next(line for line in done.stdout.splitlines() if line.startswith("tps"))
        return float(line.split("=")[1].split()[0])

    def stop(self):
        data = str(self.folder / "data")
        with contextlib.suppress(OSError):
            subprocess.run([str(self.bin / "pg_ctl"), "-D", data, "-m", "immediate", "stop"], cwd=self.folder,
                           capture_output=True, check=False, **_unprivileged())
        shutil.rmtree(self.folder, ignore_errors=True)
