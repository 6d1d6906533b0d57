"""The state file and the note beside it on a real disk: who may use them, what is read, how they are replaced."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import msgspec
import pytest

from devrev_async.changes.state import render
from devrev_async.changes.state_file import StateFile
from devrev_async.errors import SyncStateError
from devrev_async.sinks._files import Rights

from .test_pending import NOTE
from .test_state import WHOLE


@pytest.fixture
def file(tmp_path: Path) -> StateFile:
    return StateFile(tmp_path / "deep" / "er" / "state.json")


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.iterdir())


def test_one_run_at_a_time_uses_a_state_whose_folder_is_made(file: StateFile) -> None:
    other = StateFile(file.path)
    file.lock()
    assert names(file.path.parent) == [".state.json.lock"]
    with pytest.raises(SyncStateError, match=r"state\.json: another run is using the state$") as caught:
        other.lock()
    assert (caught.value.path, caught.value.hint) == (str(file.path), "wait until it has ended")
    file.unlock()
    other.lock()
    with pytest.raises(SyncStateError, match="another run"):
        file.lock()
    other.unlock()
    other.unlock()
    assert names(file.path.parent) == []


def test_what_refuses_a_lock_is_said_by_a_name_that_the_user_knows(file: StateFile) -> None:
    planted = file.path.with_name(".state.json.lock")
    planted.mkdir(parents=True)
    with pytest.raises(IsADirectoryError) as caught:
        file.lock()
    assert caught.value.filename == str(file.path)


def test_a_file_system_without_locks_is_told_of(
    file: StateFile, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("devrev_async.sinks._lock._lock", refuse)
    file.lock()
    file.unlock()
    assert caplog.messages[0].startswith(f"{file.path}: its file system has no locks")


def test_a_state_is_read_as_it_was_saved_and_nothing_is_left_beside_it(file: StateFile) -> None:
    assert file.read() is None
    file.lock()
    for state in (WHOLE, msgspec.structs.replace(WHOLE, run=18)):
        file.save(state)
        assert file.read() == state
    file.unlock()
    assert names(file.path.parent) == ["state.json"]


def test_a_new_state_has_the_rights_of_the_last(file: StateFile) -> None:
    file.path.parent.mkdir(parents=True)
    before = os.umask(0o027)
    try:
        file.save(WHOLE)
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o640
        file.path.chmod(0o604)
        file.save(WHOLE)
        file.announce(NOTE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o604
    assert stat.S_IMODE(file.path.with_name(".state.json.pending").stat().st_mode) == 0o640


def test_nobody_else_reads_a_state_while_it_is_written_who_could_not_read_the_last(
    file: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    rights: list[int] = []

    def write(descriptor: int, content: bytes) -> None:
        rights.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        os.write(descriptor, content)

    def give(self: Rights, descriptor: int) -> None:
        rights.append(stat.S_IMODE(os.fstat(descriptor).st_mode))

    monkeypatch.setattr("devrev_async.changes.state_file.write_all", write)
    monkeypatch.setattr(Rights, "give", give)
    file.path.parent.mkdir(parents=True)
    before = os.umask(0)
    try:
        file.save(WHOLE)
        file.save(WHOLE)
    finally:
        os.umask(before)
    assert rights == [0o666, 0o600, 0o600]


def test_a_state_that_cannot_be_saved_stays_as_it_was(file: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.path.parent.mkdir(parents=True)
    file.save(WHOLE)

    def refuse(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(self))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", refuse)
        with pytest.raises(OSError, match="No space left") as caught:
            file.save(msgspec.structs.replace(WHOLE, run=18))
    assert caught.value.filename == str(file.path)
    assert (file.read(), names(file.path.parent)) == (WHOLE, ["state.json"])


@pytest.mark.parametrize("content", [b"", b"{", render(WHOLE).replace(b'"run": 17', b'"run": 71')])
def test_a_damaged_state_is_refused_or_counts_as_none_where_it_is_to_be_replaced(
    file: StateFile, content: bytes
) -> None:
    file.path.parent.mkdir(parents=True)
    file.path.write_bytes(content)
    with pytest.raises(SyncStateError) as caught:
        file.read()
    assert caught.value.path == str(file.path)
    assert file.read(replaceable=True) is None


def test_a_state_that_cannot_be_read_is_refused_even_where_it_is_to_be_replaced(file: StateFile) -> None:
    file.path.mkdir(parents=True)
    with pytest.raises(SyncStateError, match=r"state\.json: the state cannot be read: Is a directory$") as caught:
        file.read(replaceable=True)
    assert caught.value.hint == "make it a file that this user can read; it is not taken for a first run"
    assert isinstance(caught.value.__cause__, IsADirectoryError)


def test_a_note_is_found_by_a_run_of_the_same_query_and_server_until_it_is_forgotten(file: StateFile) -> None:
    file.path.parent.mkdir(parents=True)
    assert file.announced(NOTE.query, NOTE.origin) is None
    file.forget_announced()
    file.announce(NOTE)
    assert names(file.path.parent) == [".state.json.pending"]
    assert file.announced(NOTE.query, NOTE.origin) == NOTE
    assert file.announced({}, NOTE.origin) is None
    assert file.announced(NOTE.query, "https://api.example.com") is None
    again = msgspec.structs.replace(NOTE, run=19)
    file.announce(again)
    assert file.announced(NOTE.query, NOTE.origin) == again
    file.forget_announced()
    assert names(file.path.parent) == []


def test_a_note_that_cannot_be_removed_does_no_harm(file: StateFile) -> None:
    note = file.path.with_name(".state.json.pending")
    note.mkdir(parents=True)
    file.forget_announced()
    assert file.announced(NOTE.query, NOTE.origin) is None
