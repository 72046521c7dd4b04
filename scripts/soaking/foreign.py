"""Others at the same file: a writer as the Python processes of today write, and those who hold locks."""

import contextlib
import random
import sqlite3
import time

STATUSES = ("planning", "executing", "reviewing", "completed", "failed")


class Writer:
    """Writes by SQL of its own, with foreign keys off and `INSERT OR REPLACE`."""

    def __init__(self, run, database, definition, agent):
        self.run, self.definition, self.agent = run, definition, agent
        self.database = database
        self.random = random.Random(f"{run.seed} foreign")
        self.stopped = False
        # What was committed: session, status and cost of agents; agent and tokens of prompts. None where it was deleted.
        self.agents, self.prompts = {}, {}

    def work(self):
        connection = sqlite3.connect(self.database, timeout=5)
        while not self.stopped:
            agents, prompts = {}, {}
            start = time.monotonic()
            try:
                for _ in range(self.random.choice([1, 1, 2, 20])):
                    self.statement(connection, agents, prompts)
                connection.commit()
            except sqlite3.OperationalError as error:
                connection.rollback()
                self.run.count("foreign: transactions refused")
                if not self.run.is_excused(start):
                    waited = time.monotonic() - start
                    self.run.breaks(f"another process got {error!r} after {waited:.1f} s, though nobody held the lock for long")
                continue
            waited = time.monotonic() - start
            if not self.run.is_excused(start):
                self.run.most("foreign: slowest transaction [ms]", round(1000 * waited))
                if waited > 1:
                    self.run.notes(f"another process took {waited:.1f} s for one transaction")
            self.agents |= agents
            self.prompts |= prompts
            self.run.count("acknowledged: foreign transactions")
            time.sleep(self.random.uniform(0, 0.04))
        connection.close()

    def statement(self, connection, agents, prompts):
        """One of the statements. What it does goes into the two dictionaries, for when it is committed."""
        kind, number = self.random.randrange(10), self.random.randrange(2000)
        agent, prompt = f"foreign-{number % 500}", f"foreign-{number}"
        if kind < 3:
            row = (agent, f"foreign {number % 7}", self.random.choice(STATUSES), number / 100)
            connection.execute("INSERT OR REPLACE INTO agents (id, orchestrator_agent_id, session_id, status, cost_usd) "
                               "VALUES (?, ?, ?, ?, ?)", (row[0], self.definition, *row[1:]))
            agents[agent] = row[1:]
        elif kind < 5:
            # Half of them are of an agent that others change at the same time.
            row = (self.agent if number % 2 else agent, number)
            connection.execute("INSERT OR REPLACE INTO prompts (id, agent_id, prompt_type, prompt_text, tokens_output) "
                               "VALUES (?, ?, 'command', 'foreign', ?)", (prompt, *row))
            prompts[prompt] = row
        elif kind < 8:
            status = self.random.choice(STATUSES)
            connection.execute("UPDATE agents SET status = ? WHERE id = ?", (status, agent))
            row = agents.get(agent, self.agents.get(agent))
            agents[agent] = row and (row[0], status, row[2])
        elif kind == 8:
            connection.execute("DELETE FROM agents WHERE id = ?", (agent,))
            agents[agent] = None
        else:
            connection.execute("DELETE FROM prompts WHERE id = ?", (prompt,))
            prompts[prompt] = None


def hold_lock(run, database, seconds):
    """Keeps every other writer out for so long."""
    with contextlib.closing(sqlite3.connect(database, timeout=10, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            run.breaks(f"another process got {error!r} after 10 s, though nobody held the lock for long")
            return
        with run.excuse():
            time.sleep(seconds)
            connection.execute("ROLLBACK")


def hold_snapshot(database, seconds):
    """Reads in one transaction for so long; the write-ahead log cannot begin anew meanwhile."""
    with contextlib.closing(sqlite3.connect(database, timeout=10, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM agents").fetchone()
        time.sleep(seconds)
        connection.execute("ROLLBACK")
