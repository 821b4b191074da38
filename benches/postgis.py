"""A PostgreSQL with PostGIS of our own, in a temporary folder, for what is set against it."""
import os, shutil, signal, subprocess, sys, time
from pathlib import Path

from peers import cpu_s, free_port

# What anybody would set who serves maps: pages stay in memory, and small queries are not
# compiled.
SETTINGS = {"shared_buffers": "512MB", "work_mem": "32MB", "jit": "off", "random_page_cost": "1.1", "fsync": "off"}


def programs():
    """The folder of the newest PostgreSQL that has PostGIS; none, loudly, without."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if not found:
        print("SKIPPED: PostgreSQL is not there; Debian has it as postgresql and postgis", file=sys.stderr)
        return None
    version = found[-1].parts[-3]
    control = Path(f"/usr/share/postgresql/{version}/extension/postgis.control")
    if not control.exists() and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["apt-get", "install", "-qq", "--no-install-recommends", f"postgresql-{version}-postgis-3"]
        subprocess.run(["apt-get", "update", "-qq"])
        subprocess.run(install, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, stdout=subprocess.DEVNULL)
    if not control.exists():
        print(f"SKIPPED: PostGIS is not there; Debian has it as postgresql-{version}-postgis-3", file=sys.stderr)
        return None
    return found[-1].parent


class Database:
    """A server that trusts whoever is on this machine, until the end of the `with`."""

    def __init__(self, programs, at):
        self.programs, data = programs, at / "postgres"
        data.mkdir()
        # PostgreSQL refuses to be root.
        self.user = {}
        if os.geteuid() == 0:
            self.user = {"user": "postgres"}
            at.chmod(0o711)
            shutil.chown(data, "postgres")
        self.port = free_port()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/", **self.user}
        subprocess.run([programs / "initdb", "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-sync"], check=True, **quiet)
        settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        command = [programs / "postgres", "-D", data, "-h", "127.0.0.1", "-k", data, "-p", str(self.port), *settings]
        self.process = subprocess.Popen(command, **quiet)
        for _ in range(300):
            if subprocess.run([programs / "pg_isready", "-q", "-d", self.address("postgres")]).returncode == 0:
                break
            time.sleep(0.1)

    def address(self, database):
        return f"host=127.0.0.1 port={self.port} user=bench dbname={database}"

    def url(self, database):
        return f"postgres://bench@127.0.0.1:{self.port}/{database}"

    def run(self, database, statements):
        """Runs statements, and returns what they select, a line for each row."""
        command = [self.programs / "psql", "-qtA", "-v", "ON_ERROR_STOP=1", "-d", self.address(database)]
        return subprocess.run(command, input=statements, check=True, stdout=subprocess.PIPE, text=True).stdout

    def load(self, database, crs, files):
        """Makes a database of layers, projected once, indexed, and with neighbours close on disk."""
        self.run("postgres", f"CREATE DATABASE {database}")
        self.run(database, "CREATE EXTENSION postgis")
        for file in files:
            name = file.stem
            subprocess.run(["ogr2ogr", "-f", "PostgreSQL", f"PG:{self.address(database)}", file, "-nln", name, "-t_srs", crs,
                            "-lco", "GEOMETRY_NAME=geom", "-lco", "FID=fid", "--config", "PG_USE_COPY", "YES"], check=True)
            for statement in (f"CLUSTER {name} USING {name}_geom_geom_idx", f"ALTER TABLE {name} DROP COLUMN fid", f"VACUUM ANALYZE {name}"):
                self.run(database, statement)

    def cpu_s(self):
        """Processor seconds that it and its backends have taken so far."""
        return cpu_s(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Without waiting for those who are still connected.
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
