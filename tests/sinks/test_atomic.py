"""The part file: what counts of it after a crash, what it refuses to touch, and how it becomes the target."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from devrev_async.reports import ExportReport
from devrev_async.sinks._atomic import PartFile, names_of
from devrev_async.sinks._files import check_target
from devrev_async.sinks.whole import WholeFile
from tests.damage import damaged
from tests.effort import examples

posix = pytest.mark.skipif(sys.platform == "win32", reason="links and permissions of POSIX")


def opened(target: Path, identity: str = "x", *, resume: bool = True) -> PartFile:
    return PartFile(names_of(check_target(target)), identity, shown=str(target), resume=resume)


def begun(folder: Path, name: str = "a.jsonl") -> Path:
    target = folder / name
    part = opened(target)
    part.append([b"1\n"], 1, "c1", ExportReport(works=1))
    part.append([b"2\n"], 1, "c2", ExportReport(works=2))
    part.leave()
    return target


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_part_goes_on(tmp_path: Path) -> None:
    target = begun(tmp_path)
    assert files_in(tmp_path) == [".a.jsonl.part", ".a.jsonl.part.state"]
    with (tmp_path / ".a.jsonl.part").open("ab") as torn:
        torn.write(b"half a wor")  # as a crash leaves it, in the middle of a batch
    part = opened(target)
    assert (part.state.works, part.state.checkpoint, part.discarded) == (2, "c2", False)
    assert part.state.report.works == 2
    part.append([b"3\n"], 1, "c3", ExportReport())
    part.publish_part()
    assert target.read_bytes() == b"1\n2\n3\n"
    assert files_in(tmp_path) == ["a.jsonl"]


@pytest.mark.parametrize(
    "damage",
    [
        "another export",
        "shorter",
        "no state",
        "no part",
        "damaged state",
        "altered state",
        "empty state",
        "deep state",
        "newer state",
        "not wanted",
    ],
)
def test_a_part_that_does_not_fit_starts_anew(tmp_path: Path, damage: str) -> None:
    target = begun(tmp_path)
    part, state = tmp_path / ".a.jsonl.part", tmp_path / ".a.jsonl.part.state"
    match damage:
        case "shorter":
            part.write_bytes(b"1\n2")
        case "no state":
            state.unlink()
        case "no part":
            part.unlink()
        case "damaged state":
            state.write_bytes(state.read_bytes()[:-5])
        case "altered state":
            state.write_bytes(state.read_bytes().replace(b'"offset":4', b'"offset":3'))
        case "deep state":
            state.write_bytes(b'{"x":' + b"[" * 100_000)
        case "empty state":
            state.write_bytes(b"")
        case "newer state":
            state.write_bytes(state.read_bytes().replace(b'"version":3', b'"version":4'))
        case _:
            pass
    again = opened(target, "y" if damage == "another export" else "x", resume=damage != "not wanted")
    assert (again.state.works, again.state.checkpoint) == (0, "")
    assert again.discarded == (damage != "not wanted")
    assert not state.exists()
    again.append([b"new\n"], 1, "c", ExportReport())
    again.publish_part()
    assert target.read_bytes() == b"new\n"
    assert files_in(tmp_path) == ["a.jsonl"]


def test_a_part_without_a_byte_starts_anew_without_a_warning(tmp_path: Path) -> None:
    os.close(opened(tmp_path / "a.jsonl")._lock._descriptor)
    assert (tmp_path / ".a.jsonl.part").read_bytes() == b""
    again = opened(tmp_path / "a.jsonl")
    assert not again.discarded
    again.leave()


@settings(max_examples=examples(100))
@given(data=st.data())
def test_a_state_that_was_altered_anywhere_is_never_gone_on_from(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        target = begun(Path(folder))
        state = target.with_name(".a.jsonl.part.state")
        whole = state.read_bytes()
        state.write_bytes(
            data.draw(damaged(whole, [b"9", b"-1", b'"publishing"', b"null", b'"files":3', b"[[", b"\xff"]))
        )
        altered = state.read_bytes() != whole
        again = opened(target)
        assert (again.state.works, again.discarded, again.published) == (
            (0, True, False) if altered else (2, False, False)
        )
        again.leave()


def test_a_part_without_works_is_not_left(tmp_path: Path) -> None:
    opened(tmp_path / "a.jsonl").leave()
    assert files_in(tmp_path) == []


def test_one_process_has_the_target_once(tmp_path: Path) -> None:
    first = opened(tmp_path / "a.jsonl")
    with pytest.raises(BlockingIOError, match="another export is writing this file") as raised:
        opened(tmp_path / "a.jsonl")
    assert raised.value.filename == str(tmp_path / "a.jsonl")
    first.leave()
    opened(tmp_path / "a.jsonl").leave()


def test_a_lock_that_a_crash_has_left_is_free(tmp_path: Path) -> None:
    (tmp_path / ".a.jsonl.part.lock").touch()
    opened(tmp_path / "a.jsonl").leave()
    assert files_in(tmp_path) == []


def test_bytes_are_synced_before_the_state_that_counts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = opened(tmp_path / "a.jsonl")
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def seen(descriptor: int) -> None:
        found = os.fstat(descriptor)
        files = {path.stat().st_ino: path.name for path in [tmp_path, *tmp_path.iterdir()]}
        steps.append(f"sync {files[found.st_ino].replace(tmp_path.name, 'folder')}")
        fsync(descriptor)

    def renamed(source: Path, target: Path) -> Path:
        steps.append(f"rename {target.name}")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", seen)
    monkeypatch.setattr(Path, "replace", renamed)
    part.append([b"1\n"], 1, "c", ExportReport())
    assert steps == [
        "sync .a.jsonl.part",
        "sync .a.jsonl.part.state.new",
        "rename .a.jsonl.part.state",
        "sync folder",
    ]
    part.publish_part()
    assert steps[4:] == [
        "sync folder",
        "sync .a.jsonl.part.state.new",
        "rename .a.jsonl.part.state",
        "sync folder",
        "rename a.jsonl",
        "sync folder",
    ]


# --- many files ---


def written(part: PartFile, contents: list[bytes]) -> None:
    for number, content in enumerate(contents):
        with part.create_output(number, part.names.numbered(number)) as output:
            output.write(content)


def numbered(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.glob("*.csv"))]


def test_numbered_files_take_the_place_of_all_earlier_ones(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"w-{number:05}.csv").write_bytes(b"old")
    (tmp_path / "w-1.csv").write_bytes(b"another's")
    (tmp_path / "w-000001.csv").write_bytes(b"another's")
    part = opened(tmp_path / "w.csv")
    part.append([b"1\n"], 1, "c", ExportReport())
    written(part, [b"new 0", b"new 1"])
    part.publish_outputs(2)
    assert files_in(tmp_path) == ["w-00000.csv", "w-000001.csv", "w-00001.csv", "w-1.csv"]
    assert (tmp_path / "w-00000.csv").read_bytes() == b"new 0"


class Killed(BaseException):
    """Stands for a process that ends between two steps."""


@contextlib.contextmanager
def killed_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> Generator[None]:
    """After so many files were renamed or removed, the next one raises `Killed`."""
    left = [steps]

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **kwargs: object) -> object:
            if not left[0]:
                raise Killed
            left[0] -= 1
            return call(*args, **kwargs)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", counted(Path.replace))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        yield


@pytest.mark.parametrize("identity", ["x", "y"])
@pytest.mark.parametrize("steps", range(10))
def test_a_crash_between_two_renames_never_mixes_two_exports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, identity: str
) -> None:
    """Every step that changes the folder is the last one of some run; the next run puts all files in place."""
    for number in range(4):
        (tmp_path / f"w-{number:05}.csv").write_bytes(b"old")
    part = opened(tmp_path / "w.csv")
    part.append([b"1\n"], 1, "c", ExportReport(works=3))
    written(part, [b"new"] * 3)
    with killed_after(monkeypatch, steps):
        with pytest.raises(Killed):
            part.publish_outputs(3)
        assert len({*numbered(tmp_path)}) <= 1, "two exports lie beside each other"
    os.close(part._lock._descriptor)  # as the end of the process does
    published = part.state.stage == "publishing"
    named = not list(tmp_path.glob(".w.csv.part.0*"))
    again = opened(tmp_path / "w.csv", identity)
    if published:
        assert numbered(tmp_path) == [b"new"] * 3
        assert again.state.report.works == (3 if identity == "x" and not named else 0)
        assert again.published == (identity == "x" and not named)
        assert not again.discarded
    else:
        assert numbered(tmp_path) == [b"old"] * 4
        assert again.state.works == (1 if identity == "x" else 0)
    again.leave()


@pytest.mark.parametrize("identity", ["x", "y"])
@pytest.mark.parametrize("whole", [False, True], ids=["an output", "the part itself"])
@pytest.mark.parametrize("steps", range(5))
def test_after_a_crash_a_file_that_has_its_name_is_of_an_export_that_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, whole: bool, identity: str
) -> None:
    """The next export never gives out the works of the one before as its own."""
    target = tmp_path / ("a.jsonl" if whole else "a.csv")
    part = opened(target)
    part.append([b"1\n"], 1, "c", ExportReport(works=1))
    part.complete(ExportReport(works=1))
    if not whole:
        with part.create_output(0, target) as output:
            output.write(b"1\n")
    with killed_after(monkeypatch, steps), contextlib.suppress(Killed):
        part.publish_part() if whole else part.publish_output()
    os.close(part._lock._descriptor)  # as the end of the process does
    stands = target.exists()
    assert stands == (steps >= 3)
    again = opened(target, identity)
    assert not again.published
    assert again.state.works == (1 if identity == "x" and not stands else 0)
    assert again.discarded == (identity == "y" and not stands)
    again.leave()
    assert opened(target, identity).state.works == again.state.works


def test_outputs_that_are_gone_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = opened(tmp_path / "w.csv")
    part.append([b"1\n"], 1, "c", ExportReport(works=1))
    written(part, [b"new"] * 3)

    def refuse(_source: Path, _target: Path) -> Path:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        part._save(structs.replace(part.state, stage="publishing", files=3))
        patch.setattr(Path, "replace", refuse)
        part._put_in_place(3)
    os.close(part._lock._descriptor)
    (tmp_path / ".w.csv.part.00001").unlink()
    again = opened(tmp_path / "w.csv")
    assert (again.state.stage, again.state.works, again.discarded) == ("complete", 1, False)
    again.leave()
    assert files_in(tmp_path) == [".w.csv.part", ".w.csv.part.state"]


def test_an_export_of_nothing_is_not_thrown_away_with_a_warning(tmp_path: Path) -> None:
    part = opened(tmp_path / "a.jsonl")
    part.complete(ExportReport(complete=True))
    os.close(part._lock._descriptor)
    again = opened(tmp_path / "a.jsonl")
    assert not again.discarded
    again.leave()


# --- what others have put there ---


@posix
@pytest.mark.parametrize(
    "name", [".a.jsonl.part", ".a.jsonl.part.state", ".a.jsonl.part.state.new", ".a.jsonl.part.lock"]
)
@pytest.mark.parametrize("kind", ["symbolic", "hard", "dangling", "pipe"])
def test_a_planted_link_is_not_followed(tmp_path: Path, name: str, kind: str) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"of another")
    planted = tmp_path / name
    match kind:
        case "symbolic":
            planted.symlink_to(other)
        case "hard":
            planted.hardlink_to(other)
        case "dangling":
            planted.symlink_to(tmp_path / "nowhere")
        case _:
            os.mkfifo(planted)
    part = opened(tmp_path / "a.jsonl")
    part.append([b"1\n"], 1, "c", ExportReport())
    part.publish_part()
    assert other.read_bytes() == b"of another"
    assert files_in(tmp_path) == ["a.jsonl", "other"]
    assert (tmp_path / "a.jsonl").read_bytes() == b"1\n"


@posix
def test_a_part_with_another_name_is_not_continued(tmp_path: Path) -> None:
    """Whoever may write in the folder can give a file of ours the name of a part, and a state that fits beside it."""
    target = begun(tmp_path)
    other = tmp_path / "other"
    other.hardlink_to(tmp_path / ".a.jsonl.part")
    part = opened(target)
    assert part.state.works == 0
    part.append([b"3\n"], 1, "c", ExportReport())
    part.publish_part()
    assert other.read_bytes() == b"1\n2\n"
    assert target.read_bytes() == b"3\n"


@posix
@pytest.mark.parametrize("output", [".w.csv.part.00000"])
def test_a_link_in_the_place_of_an_output_is_not_followed(tmp_path: Path, output: str) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"of another")
    (tmp_path / output).symlink_to(other)
    part = opened(tmp_path / "w.csv")
    written(part, [b"new"])
    part.publish_output()
    assert other.read_bytes() == b"of another"
    assert not (tmp_path / "w.csv").is_symlink()


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_the_file_of_another_user_in_a_shared_folder_is_not_continued(tmp_path: Path) -> None:
    target = begun(tmp_path)
    tmp_path.chmod(0o1777)
    for name in (".a.jsonl.part", ".a.jsonl.part.state"):
        os.chown(tmp_path / name, 12345, -1)
    part = opened(target)
    assert part.state.works == 0
    part.leave()


# --- rights ---


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_the_rights_of_the_replaced_file_are_kept(tmp_path: Path, mode: int) -> None:
    target = tmp_path / "a.jsonl"
    target.write_bytes(b"old")
    target.chmod(mode)
    part = opened(target)
    part.append([b"1\n"], 1, "c", ExportReport())
    assert stat.S_IMODE((tmp_path / ".a.jsonl.part").stat().st_mode) == mode | 0o600
    part.publish_part()
    assert stat.S_IMODE(target.stat().st_mode) == mode
    part = opened(target)
    written(part, [b"new"])
    part.publish_output()
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask()  # `written` names another target
    assert target.read_bytes() == b"new"


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_of_the_replaced_file_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "a.jsonl"
    target.write_bytes(b"old")
    os.chown(target, 12345, 23456)
    part = opened(target)
    part.append([b"1\n"], 1, "c", ExportReport())
    part.publish_part()
    assert (target.stat().st_uid, target.stat().st_gid) == (12345, 23456)


@posix
@pytest.mark.parametrize("mask", [0o022, 0o027])
def test_a_new_file_has_the_rights_that_open_gives(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        part = opened(tmp_path / "a.jsonl")
        part.append([b"1\n"], 1, "c", ExportReport())
        part.publish_part()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.jsonl").stat().st_mode) == 0o666 & ~mask


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# --- file systems that cannot do all of it ---


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
@posix
def test_a_file_system_without_locks_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    import fcntl

    def refuse(_descriptor: int, _how: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    part = opened(tmp_path / "a.jsonl")
    part.append([b"1\n"], 1, "c", ExportReport())
    part.publish_part()
    assert (tmp_path / "a.jsonl").read_bytes() == b"1\n"
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'a.jsonl'}: its file system has no locks; nothing keeps two exports to it apart"
    ]


@posix
@pytest.mark.parametrize("name", ["fchmod", "fchown", "fsync"])
@pytest.mark.parametrize("code", [errno.ENOTSUP, errno.EPERM, errno.EINVAL])
def test_a_file_system_without_rights_or_syncing_refuses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    target = tmp_path / "a.jsonl"
    target.write_bytes(b"old")

    def refuse(*_args: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, name, refuse)
    part = opened(target)
    part.append([b"1\n"], 1, "c", ExportReport())
    part.publish_part()
    assert target.read_bytes() == b"1\n"


@posix
def test_a_mounted_file_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = opened(tmp_path / "a.jsonl")
    part.append([b"1\n"], 1, "c", ExportReport())

    replace = Path.replace

    def refuse(source: Path, target: Path) -> Path:
        if target.name == "a.jsonl":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", refuse)
        with pytest.raises(OSError, match="mount its folder instead"):
            part.publish_part()
    part.leave()
    assert opened(tmp_path / "a.jsonl").state.works == 1


# --- names ---


@pytest.mark.parametrize("length", [200, 228, 229, 236, 245, 255])
@pytest.mark.parametrize("letter", ["a", "é"])
def test_names_may_be_as_long_as_the_file_system_takes_them(tmp_path: Path, length: int, letter: str) -> None:
    stem = letter * ((length - 6) // len(letter.encode()))
    target = tmp_path / f"{stem}.jsonl"
    part = opened(target)
    part.append([b"1\n"], 1, "c", ExportReport())
    part.leave()
    part = opened(target)
    assert part.state.works == 1
    written(part, [b"x"])
    part.publish_output()
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_two_long_names_have_two_parts(tmp_path: Path) -> None:
    names = [names_of(tmp_path / f"{'a' * 245}{letter}.jsonl") for letter in "xy"]
    assert names[0].part != names[1].part


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", IsADirectoryError),
        ("missing/a.jsonl", FileNotFoundError),
        ("a" * 300, OSError),
        ("loop.jsonl", OSError),
        ("file/a.jsonl", NotADirectoryError),
        ("/dev/null", OSError),
    ],
)
@posix
def test_a_target_that_cannot_be(tmp_path: Path, name: str, expected: type[OSError]) -> None:
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    (tmp_path / "file").touch()
    target = tmp_path / name
    with pytest.raises(expected) as raised:
        check_target(target)
    assert raised.value.filename == str(target)


@posix
def test_an_error_of_a_file_that_is_written_in_one_go_names_it(tmp_path: Path) -> None:
    target = tmp_path / "users.jsonl"
    target.mkdir()
    with pytest.raises(OSError, match=r"users\.jsonl") as raised, WholeFile(target) as file:
        file.publish()
    assert (raised.value.filename, raised.value.filename2) == (str(target), None)
    assert str(raised.value).endswith(f"'{target}'")
    with pytest.raises(FileNotFoundError) as missing:
        WholeFile(tmp_path / "nowhere" / "users.jsonl")
    assert missing.value.filename == str(tmp_path / "nowhere" / "users.jsonl")


def test_a_current_folder_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(FileNotFoundError) as raised:
        check_target("a.jsonl")
    assert raised.value.filename == "a.jsonl"
