"""What the parts of a run share: its figures, the promises that were found broken, and its threads."""

import collections
import datetime
import sys
import threading
import time
import traceback


class Run:
    """One run. Everything here may be called from any thread."""

    def __init__(self, seed):
        self.seed = seed
        self.figures = collections.Counter()
        self.broken = []
        # What makes it wrong to complain of a wait: see `excuse`.
        self.excuses = 0
        self.excused_until = 0.0
        self.lock = threading.Lock()

    def count(self, what, many=1):
        with self.lock:
            self.figures[what] += many

    def most(self, what, value):
        """Keeps the largest value."""
        with self.lock:
            self.figures[what] = max(self.figures[what], value)

    def notes(self, sentence):
        """Says something with the time, by which it is found in the server's log."""
        print(f"{now()} {sentence}", file=sys.stderr, flush=True)

    def troubles(self, kind, how=""):
        """Notes a trouble, and counts it."""
        self.count(f"trouble: {kind}")
        self.notes(f"{kind} {how}")

    def breaks(self, sentence):
        """Says that a promise is broken. The run goes on, as what follows may tell more."""
        with self.lock:
            self.broken.append(sentence)
        self.notes(f"BROKEN: {sentence}")

    def excuse(self):
        """While this is entered, the run itself keeps writers waiting."""
        return _Excuse(self)

    def is_excused(self, since):
        """Whether the run itself kept writers waiting at some time since `since`."""
        with self.lock:
            return self.excuses > 0 or self.excused_until >= since

    def thread(self, job, *arguments):
        """Starts a thread, whose failure counts as a broken promise: a run that measured less proves nothing."""

        def guarded():
            try:
                job(*arguments)
            except Exception:
                self.breaks(f"{job.__qualname__} ended: {traceback.format_exc()}")

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        return thread


class _Excuse:
    def __init__(self, run):
        self.run = run

    def __enter__(self):
        with self.run.lock:
            self.run.excuses += 1

    def __exit__(self, *_):
        with self.run.lock:
            self.run.excuses -= 1
            self.run.excused_until = time.monotonic()


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%H:%M:%S.%f")[:-3]


def wait_until(condition, seconds):
    """Whether the condition came true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
