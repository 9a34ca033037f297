"""The project from outside: its top level, its README, its commands."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

from .source import ROOT

TOP_LEVEL = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "client",
    "daemon",
    "docs",
    "proto",
    "pyproject.toml",
    "tests",
}
TARGETS = {"help", "run", "test", "soak", "check", "proto", "bench", "clean"}


def documentation() -> str:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return "\n".join(page.read_text() for page in pages)


def test_the_top_level_is_what_was_agreed():
    assert {p.name for p in ROOT.iterdir() if not p.name.startswith(".")} == TOP_LEVEL


def test_the_readme_is_no_manual():
    assert len((ROOT / "README.md").read_text().splitlines()) < 200


def test_make_help_names_every_target():
    done = subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    named = set(re.findall(r"^  make (\S+)", done.stdout, re.MULTILINE))
    assert named >= TARGETS
    assert all(len(line) <= 100 for line in done.stdout.splitlines())


def test_every_make_target_in_the_documentation_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*)(?: [a-z -]+)?:", makefile, re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", documentation())) <= targets


def test_every_command_is_documented():
    program = "from modeld.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--help"], capture_output=True, text=True, check=True
    )
    commands = set(re.findall(r"^  ([a-z][a-z-]*) {2,}\S", done.stdout, re.MULTILINE))
    assert {"start", "stop", "status", "generate"} <= commands
    known = set(re.findall(r"modeld ([a-z][a-z-]*)", documentation()))
    assert commands - known == set()


def test_every_path_in_the_map_exists():
    readme = (ROOT / "README.md").read_text()
    paths = re.findall(r"\]\((?!https?://|#)([^)#]+)", readme)
    assert [p for p in paths if not (ROOT / p).exists()] == []


def test_the_distribution_is_light():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[<>=;\[ ]", requirement)[0] for requirement in project["dependencies"]}
    assert names == {"grpcio", "protobuf"}
    assert project["scripts"] == {"modeld": "modeld.cli:main"}


def test_no_page_names_a_machine():
    pages = [p for p in ROOT.rglob("*.md") if not any(part.startswith(".") for part in p.parts)]
    marks = re.compile(r"/work/|/home/|/root/|/Users/|https?://[^ )]*:[0-9]{2,5}/simple")
    assert [p.name for p in pages if marks.search(p.read_text())] == []
