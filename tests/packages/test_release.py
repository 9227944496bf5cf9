"""One command makes a release up to its tag, refuses what must not become one, and pushes nothing."""

from __future__ import annotations

import tomllib

import pytest

VERSION = "0.2.0"


def projects(repository):
    paths = [repository.root / "pyproject.toml", *repository.root.glob("plugins/*/pyproject.toml")]
    return [tomllib.loads(path.read_text())["project"] for path in paths]


def test_all_distributions_get_the_version_and_want_it_of_one_another(released):
    found = projects(released)
    assert len(found) == 5
    assert {project["version"] for project in found} == {VERSION}
    extras = found[0]["optional-dependencies"]
    wanted = [requirement for project in found[1:] for requirement in project["dependencies"]]
    wanted += [
        requirement
        for name in ("lmdb", "opentelemetry", "postgres", "sqlite")
        for requirement in extras[name]
    ]
    own = {requirement.partition(">=")[2] for requirement in wanted if requirement.startswith("everstore")}
    assert own == {f"{VERSION},<0.3"}


def test_the_fragments_become_the_changelog(released):
    changelog = (released.root / "CHANGELOG.md").read_text()
    assert f"## {VERSION} (" in changelog
    assert "- A release is one command. (#15)" in changelog
    assert list((released.root / "changes").glob("*.*.md")) == []


def test_a_commit_and_a_tag_are_made_on_the_branch(released):
    assert released.git("log", "-2", "--format=%s").splitlines() == [f"Release {VERSION}", "All of it"]
    assert (
        released.git("rev-parse", "main", f"v{VERSION}^{{commit}}").splitlines()
        == [released.git("rev-parse", "HEAD")] * 2
    )
    assert released.git("cat-file", "-t", f"v{VERSION}") == "tag"
    assert released.git("status", "--porcelain") == ""


def test_a_dry_run_does_it_all_and_changes_nothing(repository):
    before = repository.state()
    done = repository.release(VERSION, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f"Release {VERSION}" in done.stdout
    assert done.stdout.endswith("A dry run: nothing was changed. 10 archives were made and are sound.\n")
    assert repository.state() == before


def dirty(repository):
    (repository.root / "LICENSE").write_text("mine")
    (repository.root / "new.txt").write_text("mine")


def on_another_branch(repository):
    repository.git("switch", "--quiet", "--create", "work")


def already_released(repository):
    repository.git("tag", "v0.2.0")
    repository.git("tag", "vocabulary")


def without_fragments(repository):
    repository.git("rm", "--quiet", "-r", "changes")
    repository.git("commit", "--quiet", "--message", "Nothing to tell")


def without_a_home(repository, of="."):
    project = repository.root / of / "pyproject.toml"
    project.write_text(project.read_text().replace("code.example", "everstore.example"))
    repository.git("commit", "--quiet", "--all", "--message", "No home")


def with_a_plugin_without_a_home(repository):
    without_a_home(repository, "plugins/everstore-sqlite")


REFUSALS = {
    "a dirty tree": (dirty, VERSION, "2 files are not committed; commit or remove them"),
    "a branch": (on_another_branch, VERSION, "this is the branch work; git switch main"),
    "the version released": (already_released, "0.2.0", "0.2.0 is not newer than 0.2.0, which is released"),
    "one before it": (already_released, "0.2.0rc1", "0.2.0rc1 is not newer than 0.2.0, which is released"),
    "a version that goes back": (None, "0.0.9", "0.0.9 is older than 0.1.0, which pyproject.toml says"),
    "no fragments": (without_fragments, VERSION, "changes/ has no fragment: there is nothing to release"),
    "no home": (
        without_a_home,
        VERSION,
        "the addresses in pyproject.toml are at everstore.example; see docs/releasing.md",
    ),
    "no home of a plugin": (
        with_a_plugin_without_a_home,
        VERSION,
        (
            "the addresses in plugins/everstore-sqlite/pyproject.toml are at everstore.example;"
            " see docs/releasing.md"
        ),
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_must_not_become_a_release_is_refused_in_one_line(repository, case):
    arrange, version, reason = REFUSALS[case]
    if arrange:
        arrange(repository)
    before = repository.state()
    done = repository.release(version)
    assert (done.returncode, done.stderr) == (1, f"release: {reason}\n")
    assert repository.state() == before


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("next", "'next' is no version"),
        ("0.2.0+mine", "'0.2.0+mine' has an epoch or a local part, which no release has"),
        ("1!0.2.0", "'1!0.2.0' has an epoch or a local part, which no release has"),
    ],
)
def test_what_is_no_version_of_a_release_is_refused(repository, version, reason):
    done = repository.release(version)
    assert done.returncode == 2
    assert reason in done.stderr
