"""Prompts from files and from git revisions."""

from __future__ import annotations

import subprocess

import pytest

from engine.cli.compare import prompt_pair
from engine.cli.revisions import read_source
from engine.errors import BadInput


@pytest.fixture
def repository(tmp_path):
    def git(*arguments):
        subprocess.run(
            ["git", "-c", "user.name=n", "-c", "user.email=e@x", "-C", str(tmp_path), *arguments],
            check=True,
            capture_output=True,
        )

    git("init", "-q")
    prompt = tmp_path / "prompts" / "core.md"
    prompt.parent.mkdir()
    for text in ("첫 번째\n", "두 번째\n"):
        prompt.write_bytes(text.encode())
        git("add", ".")
        git("commit", "-q", "-m", text)
    prompt.write_bytes("작업 중\n".encode())
    return tmp_path


def test_a_path_reads_the_file_and_a_revision_reads_git(repository):
    assert read_source("prompts/core.md", repository).text == "작업 중\n"
    assert read_source("HEAD:prompts/core.md", repository).text == "두 번째\n"
    older = read_source("HEAD~1:prompts/core.md", repository)
    assert (older.name, older.text) == ("HEAD~1:prompts/core.md", "첫 번째\n")


def test_paths_of_revisions_count_from_the_folder_as_other_paths_do(repository):
    assert read_source("HEAD:core.md", repository / "prompts").text == "두 번째\n"
    assert read_source("HEAD:../prompts/core.md", repository / "prompts").text == "두 번째\n"


def test_two_revisions_of_one_file(repository):
    old, new = prompt_pair(None, None, ("HEAD~1", "HEAD", "prompts/core.md"), repository)
    assert (old.text, new.text) == ("첫 번째\n", "두 번째\n")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("prompts/none.md", "There is no prompt file prompts/none.md"),
        ("HEAD~9:prompts/core.md", "git cannot show"),
        ("HEAD:prompts/none.md", "git cannot show"),
        ("--output=x:prompts/core.md", "revisions do not begin with a minus"),
    ],
)
def test_what_cannot_be_read_is_explained(repository, source, words):
    with pytest.raises(BadInput, match=words):
        read_source(source, repository)


def test_a_folder_without_git_is_explained(tmp_path):
    with pytest.raises(BadInput, match=r"git cannot show HEAD:core\.md"):
        read_source("HEAD:core.md", tmp_path)


def test_bytes_that_are_no_text_are_explained(tmp_path):
    (tmp_path / "p.md").write_bytes(b"\xb0\xa1")
    with pytest.raises(BadInput, match="not UTF-8"):
        read_source("p.md", tmp_path)


def test_two_prompts_or_two_revisions_but_not_both(repository):
    with pytest.raises(BadInput, match="not both"):
        prompt_pair("a.md", None, ("HEAD", "HEAD~1", "a.md"), repository)
    with pytest.raises(BadInput, match="needs two prompts"):
        prompt_pair("a.md", None, None, repository)
