"""What is shipped, and what its README says."""

import os
import pathlib
import re
import subprocess
import sys
import threading
import zipfile

import pytest
from support import Server

HERE = pathlib.Path(__file__).resolve().parent.parent
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", (HERE / "README.md").read_text(), re.DOTALL | re.MULTILINE)


def test_the_first_snippet_has_ten_lines_at_most() -> None:
    assert len([line for line in SNIPPETS[0].splitlines() if line]) <= 10


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_snippets(snippet: str, server: Server) -> None:
    done = threading.Event()

    def person() -> None:
        """Says yes to everything."""
        with server.client() as client:
            while not done.wait(0.05):
                for question in client.list_messages(waiting="user"):
                    client.answer(question["id"], "yes")

    with server.client() as client:
        # Something for those to find that look around.
        with pytest.raises(ValueError, match="no tests"), client.run("Tester", session_id="release"):
            raise ValueError("no tests")
        before = {each["id"] for each in client.list_agents()}
        thread = threading.Thread(target=person)
        thread.start()
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HERE / "src"), "ORCHESTRATOR_URL": server.url}
        try:
            subprocess.run([sys.executable, "-W", "error", "-c", snippet], env=environment, check=True, timeout=60)
        finally:
            done.set()
            thread.join()
        made = [each for each in client.list_agents() if each["id"] not in before]
        assert len(made) == snippet.count("client.run(")
        assert all(each["status"] == "completed" for each in made)


def test_what_is_generated_is_in_step() -> None:
    subprocess.run([sys.executable, HERE / "scripts/generate", "--check"], check=True)


def test_it_builds(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(HERE)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = tmp_path.glob("*.whl")
    assert len(list(tmp_path.glob("*.tar.gz"))) == 1
    files = set(zipfile.ZipFile(wheel).namelist())
    kept = {str(file.relative_to(HERE / "src")) for file in (HERE / "src").rglob("*.py*") if file.suffix != ".pyc"}
    assert kept <= files
    assert "orchestrator_client/py.typed" in files
