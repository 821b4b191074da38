"""What all measurements share: timing of a command, servers, and programs to be set against.

Imported by the scripts beside it; it measures nothing by itself.
"""
import contextlib, os, shutil, socket, statistics, subprocess, sys, tempfile, time, urllib.error, urllib.request, venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RELEASE = TARGET / "release"
SHARED = ROOT.parent / "shared"
RUNS = int(os.environ.get("RUNS", "5"))
COPIES = int(os.environ.get("COPIES", "10"))


def build(*programs):
    """Builds our programs, all of them if none is named, as they are shipped."""
    which = [word for program in programs for word in ("--bin", program)] or ["--bins"]
    subprocess.run(["cargo", "build", "--release", "--locked", "--workspace", *which], cwd=ROOT, check=True)


def python_with(*packages):
    """The Python of an environment that has these packages of PyPI, made when it is missing."""
    folder = TARGET / "bench-peers"
    python = folder / "bin/python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages], check=True)
    return python


def crate(name, version, *more):
    """A program of crates.io, installed when it is missing; none, loudly, if it cannot be."""
    program = TARGET / "bench-peers/bin" / name
    if not program.exists():
        rest = {k: v for k, v in os.environ.items() if k != "CARGO_TARGET_DIR"}
        command = ["cargo", "install", "--locked", "--root", TARGET / "bench-peers", "--version", version, *more, name]
        if subprocess.run(command, env=rest).returncode:
            print(f"SKIPPED: {name} could not be installed", file=sys.stderr)
            return None
    return program


def debian(name, *packages):
    """The words that start a program of Debian: the one on the path, or else one unpacked from
    these packages among our peers, so that no service starts; none, loudly, if it cannot be."""
    if installed := shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin"):
        return [installed]
    home = TARGET / "bench-peers/debian"
    if not any(home.glob(f"usr/*bin/{name}")) and shutil.which("apt-get"):
        with folder() as at:
            if os.geteuid() == 0:
                subprocess.run(["apt-get", "update", "-qq"], stderr=subprocess.DEVNULL)
            subprocess.run(["apt-get", "download", "-qq", *packages], cwd=at, stderr=subprocess.DEVNULL)
            for package in at.glob("*.deb"):
                subprocess.run(["dpkg", "-x", package, home], check=True)
    unpacked = next(home.glob(f"usr/*bin/{name}"), None)
    if not unpacked:
        print(f"SKIPPED: {name} is not there, nor Debian's {' '.join(packages)}", file=sys.stderr)
        return None
    libraries = ":".join(str(at) for at in home.glob("usr/lib/*-linux-gnu"))
    return ["env", f"LD_LIBRARY_PATH={libraries}", unpacked]


def timed(command, **more):
    """Wall and processor seconds, peak memory in MB (of this process alone) and output."""
    start = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **more)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    if status:
        raise SystemExit(f"{command[0]} failed with {status}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.decode().strip()


def median(rows, column):
    return statistics.median(row[column] for row in rows)


@contextlib.contextmanager
def folder():
    """A temporary folder, gone afterwards."""
    made = Path(tempfile.mkdtemp(prefix="tvilling-bench-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def real_survey(at, python, copies=COPIES):
    """The real Delft survey, so many times side by side, as one LAZ file; none if it is not there."""
    tool = SHARED / "tools/make_big_pointcloud.py"
    if not tool.exists():
        print("SKIPPED: the real survey is not beside the checkout", file=sys.stderr)
        return None
    subprocess.run([python, tool, at, str(copies)], check=True, stdout=subprocess.DEVNULL)
    return at


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def cpu_s(process):
    """Processor seconds that a process and all below it have taken so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    below = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") + sum(map(cpu_s, below))


class Server:
    """A server in a process of its own, until the end of the `with`."""

    def __init__(self, command, probe, **more):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen([str(word) for word in command], **{**quiet, **more})
        for _ in range(300):
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(probe).read()
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"{command[0]} does not answer at {probe}")

    def cpu_s(self):
        """Processor seconds that it has taken so far, with its workers."""
        return cpu_s(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
