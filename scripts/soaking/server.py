"""The server of a run: starts, ends and suspends it, and sees what it takes."""

import http.client
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time


class Server:
    """`orchestrator serve` on a database of its own. What is built is copied, so that a build meanwhile changes nothing."""

    def __init__(self, run, root, target, folder, port):
        self.run, self.folder, self.port = run, folder, port
        self.database = folder / "soak.db"
        self.log = folder / "server.log"
        for source in re.findall(r'^source = "(.*)"', (root / "spin.toml").read_text(), re.M):
            (folder / source).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / source, folder / source)
        shutil.copy(root / "spin.toml", folder)
        self.binary = shutil.copy(target / "release/orchestrator", folder)
        # Settings of whoever calls this are not those of the run.
        self.environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | {
            "DATABASE_PATH": str(self.database), "WEBSOCKET_PORT": str(port), "CHANGE_LOG_MAX": "1000000000",
            "RUST_LOG": "info,access=off", "NO_COLOR": "1",
        }
        # Odd while it is meant to be there. A connection that is lost while this stays the same is a broken promise.
        self.life = 0
        self.process = None

    def start(self):
        start = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.binary, "serve"], env=self.environment, cwd=self.folder, stderr=log)
        while self.answer() != 200:
            if self.process.poll() is not None or time.monotonic() - start > 30:
                raise SystemExit(f"the server does not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.01)
        self.run.most("server: slowest start [ms]", round(1000 * (time.monotonic() - start)))
        self.life += 1

    def answer(self):
        """The status of /health, or None where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def kill(self):
        self.see_alive()
        self.life += 1
        self.process.kill()
        self.process.wait()

    def terminate(self):
        self.see_alive()
        self.life += 1
        self.process.terminate()
        try:
            code = self.process.wait(15)
            if code != 0:
                self.run.breaks(f"after SIGTERM the server ended with {code}")
        except subprocess.TimeoutExpired:
            self.run.breaks("the server had not ended 15 s after SIGTERM")
            self.process.kill()
            self.process.wait()

    def suspend(self, seconds):
        self.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self.process.send_signal(signal.SIGCONT)

    def see_alive(self):
        code = self.process.poll()
        if code is not None:
            self.run.breaks(f"the server ended by itself, with {code}")

    def see_log(self):
        """A panic ends no more than some requests, so nothing else would show it."""
        text = self.log.read_text(errors="replace")
        for found in re.findall(r".*(?:panicked|ERROR).*", text)[:3]:
            self.run.breaks(f"the server logged: {found}")

    def check(self):
        """`orchestrator check`: whether it found that all sums are right, and what it said."""
        done = subprocess.run([self.binary, "check"], env=self.environment, cwd=self.folder, capture_output=True, text=True)
        return done.returncode == 0, done.stdout + done.stderr

    def memory(self):
        """Resident bytes."""
        pages = int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def log_size(self):
        """Bytes of the write-ahead log."""
        try:
            return os.path.getsize(f"{self.database}-wal")
        except FileNotFoundError:
            return 0

    def stop(self):
        """Ends it, in whatever state it is."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Gauge:
    """Looks twice a second at what the server takes."""

    def __init__(self, run, server):
        self.run, self.server = run, server
        self.memory, self.descriptors = [], []
        self.stopped = False

    def watch(self):
        while not self.stopped:
            self.run.most("server: write-ahead log, largest [KiB]", self.server.log_size() >> 10)
            life = self.server.life
            try:
                memory, descriptors = self.server.memory(), self.server.descriptors()
            except OSError:
                # It is being killed.
                memory = None
            if memory and life % 2 and life == self.server.life:
                self.memory.append(memory)
                self.descriptors.append(descriptors)
            time.sleep(0.5)

    def typical(self, seconds):
        """The medians of bytes and descriptors over the last seconds, as each moment has its own."""
        middle = lambda values: sorted(values[-2 * seconds:])[len(values[-2 * seconds:]) // 2]
        return middle(self.memory), middle(self.descriptors)
