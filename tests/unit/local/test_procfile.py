"""The Procfile: ours, and what a broken one is told."""

from pathlib import Path

import pytest

from app.local.procfile import ProcfileError, read_procfile

OURS = Path(__file__).parents[3] / "Procfile"


def test_our_processes_are_those_that_people_rely_on():
    commands = read_procfile(OURS)
    assert set(commands) == {"release", "web", "gateway", "worker", "outer", "beat", "flower"}
    for name, queue in {"worker": "inner", "outer": "outer"}.items():
        assert "celery" in commands[name]
        assert " worker " in commands[name]
        assert f"-Q {queue} " in commands[name]
        assert "REMAP_SIGTERM=SIGQUIT" in commands[name], "else a stop waits for ever"


def test_no_command_needs_more_than_one_program():
    for command in read_procfile(OURS).values():
        assert not any(sign in command for sign in ("&&", "||", ";", "|", ">")), "it is run by exec"


def test_comments_and_empty_lines_are_passed_over(tmp_path):
    (tmp_path / "Procfile").write_text("# a comment\n\nweb:   serve $PORT\nbeat: tick\n")
    assert read_procfile(tmp_path / "Procfile") == {"web": "serve $PORT", "beat": "tick"}


@pytest.mark.parametrize("line", ["web", "web:", ": serve", "we b: serve", "beat: twice"])
def test_a_line_that_names_no_new_process_is_told_by_its_number(tmp_path, line):
    (tmp_path / "Procfile").write_text(f"beat: tick\n{line}\n")
    with pytest.raises(ProcfileError, match="Procfile line 2 is not"):
        read_procfile(tmp_path / "Procfile")
