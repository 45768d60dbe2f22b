"""Recorded answers in one file: kept, replaced, merged, compared, and readable where nothing may be written."""

from __future__ import annotations

import os
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from engine.errors import DataError
from engine.model.cassette import Cassette, CassetteConflict
from engine.model.nearest import difference, most_alike, readable
from engine.model.scrub import Scrubber
from tests.builders_transport import NOON, make_reply, make_request


def test_an_answer_comes_back_as_it_was_put(tmp_path: Path) -> None:
    reply = make_reply(refusal="", finish_reason="length", cost_won=7)
    with Cassette(tmp_path / "tape.db") as cassette:
        cassette.put(make_request(), reply)
        found = cassette.get(make_request().key)
        assert cassette.get("no such key") is None
        assert cassette.recorded_cost(make_request().key) == 7
    assert found is not None
    assert (found.text, found.finish_reason, found.model) == (reply.text, "length", reply.model)
    assert (found.usage, found.request_id, found.asked_at) == (reply.usage, "req_9", NOON)
    assert (found.replayed, found.cost_won, found.key) == (True, 0, make_request().key)


def test_the_same_answer_twice_is_one_and_another_is_a_conflict(tmp_path: Path) -> None:
    with Cassette(tmp_path / "tape.db") as cassette:
        cassette.put(make_request(), make_reply())
        cassette.put(make_request(), make_reply())
        assert len(cassette) == 1
        with pytest.raises(CassetteConflict, match="another answer"):
            cassette.put(make_request(), make_reply("{}"))
        cassette.put(make_request(), make_reply("{}"), if_there="keep")
        kept = cassette.get(make_request().key)
        cassette.put(make_request(), make_reply("{}"), if_there="replace")
        replaced = cassette.get(make_request().key)
        assert kept is not None and kept.text == make_reply().text
        assert replaced is not None and replaced.text == "{}"
        assert len(cassette) == 1 and len(cassette.former(make_request().key)) == 1


def test_cassettes_merge_and_a_conflict_names_both_and_changes_nothing(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("first.db", "second.db", "third.db"))
    answers = ((first, "a", "A"), (second, "a", "A"), (second, "b", "B"), (third, "c", "C"), (third, "b", "other"))
    for path, question, answer in answers:
        with Cassette(path) as cassette:
            cassette.put(make_request(question), make_reply(answer))
    with Cassette(first) as cassette:
        assert cassette.merge(second) == 1
        assert cassette.merge(second) == 0
        with pytest.raises(CassetteConflict, match=r"first\.db.*third\.db"):
            cassette.merge(third)
        assert len(cassette) == 2
    with Cassette(tmp_path / "all.db") as cassette:
        with pytest.raises(CassetteConflict, match=r"first\.db.*third\.db"):
            cassette.merge(first, second, third)
        assert len(cassette) == 0


def test_a_finished_cassette_is_one_file_that_can_be_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    with Cassette(tmp_path / "tape.db") as cassette:
        cassette.put(make_request(), make_reply())
    with Cassette(tmp_path / "tape.db", read_only=True) as cassette:
        assert len(cassette) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["tape.db"]
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    shutil.copy(tmp_path / "tape.db", shelf / "tape.db")
    (shelf / "tape.db").chmod(0o444)
    shelf.chmod(0o555)
    try:
        with Cassette(shelf / "tape.db", read_only=True) as cassette:
            assert cassette.get(make_request().key) is not None
            with pytest.raises(DataError, match="cannot be written"):
                cassette.put(make_request("b"), make_reply())
    finally:
        shelf.chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_a_new_cassette_is_for_its_owner_alone(tmp_path: Path) -> None:
    Cassette(tmp_path / "tape.db").close()
    assert (tmp_path / "tape.db").stat().st_mode & 0o777 == 0o600


def test_other_files_are_no_cassettes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no cassette at"):
        Cassette(tmp_path / "none.db", read_only=True)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE something (value)")
    other.close()
    (tmp_path / "text.db").write_text("no database at all" * 100)
    for name in ("other.db", "text.db"):
        for read_only in (True, False):
            with pytest.raises(DataError, match=name):
                Cassette(tmp_path / name, read_only=read_only)


def test_what_looks_like_a_secret_is_not_written(tmp_path: Path) -> None:
    words = 'key sk-live-0123456789abcdefXYZ and "note": "hunter2 is mine", inside {\\"api_key\\": \\"abc-9\\"}'
    with Cassette(tmp_path / "tape.db", scrub=Scrubber(["hunter2 is mine", "tiny"])) as cassette:
        cassette.put(make_request(words), make_reply(words + " tiny"))
        found = cassette.get(make_request(words).key)
    assert found is not None and "tiny" in found.text  # too short to be told from a word
    content = (tmp_path / "tape.db").read_bytes().decode(errors="ignore")
    assert not [secret for secret in ("sk-live", "hunter2", "abc-9") if secret in content]


def test_a_cassette_can_be_read_while_it_is_recorded(tmp_path: Path) -> None:
    with (
        Cassette(tmp_path / "tape.db") as recording,
        Cassette(tmp_path / "tape.db", read_only=True) as reading,
        Cassette(tmp_path / "tape.db") as other,
    ):
        recording.put(make_request("a"), make_reply())
        other.put(make_request("b"), make_reply())
        assert len(reading) == len(recording) == 2
        other.close()
        recording.put(make_request("c"), make_reply())
        assert len(reading) == 3


def test_info_counts(tmp_path: Path) -> None:
    with Cassette(tmp_path / "tape.db") as cassette:
        for number in range(3):
            later = NOON + timedelta(days=number)
            purpose = "plan" if number else "check"
            cassette.put(make_request(str(number), purpose=purpose), make_reply(asked_at=later), cost_won=5)
        info = cassette.info()
    assert (info.answers, info.former, info.cost_won) == (3, 0, 15)
    assert info.by_purpose == {"check": 1, "plan": 2} and info.by_model == {"small-2025": 3}
    assert (info.input_tokens, info.output_tokens) == (300, 60)
    assert (info.first, info.last) == (NOON, NOON + timedelta(days=2))


def test_the_difference_has_a_bounded_length_and_says_what_it_left_out() -> None:
    old, new = ([f"{word} {number}" for number in range(5_000)] for word in ("old", "new"))
    told = difference(old, new)
    assert len(told.splitlines()) <= 81 and "more lines of difference" in told
    assert max(len(line) for line in difference(["x" * 9_000], ["y" * 9_000]).splitlines()) <= 160


def test_values_inside_a_long_line_of_json_are_told_apart() -> None:
    context = '{"market":{' + ",".join(f'"{number:06d}":{number}' for number in range(100)) + "}}"
    recorded = readable(make_request(context).to_json())
    asked = readable(make_request(context.replace('"000050":50', '"000050":51')).to_json())
    told = difference(recorded, asked)
    assert '-"000050":50,' in told and '+"000050":51,' in told
    assert len(told.splitlines()) < 15


def test_the_most_alike_shares_most_lines_and_ties_are_settled() -> None:
    assert most_alike(["a", "b"], []) is None
    found = most_alike(["a", "b", "c"], [("x", ["a"]), ("y", ["a", "b"]), ("z", ["q"])])
    assert found is not None and found[0] == "y"
    tied = most_alike(["a"], [("x", ["b"]), ("y", ["c"])])
    assert tied is not None and tied[0] == "y"
