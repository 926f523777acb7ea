"""Ctrl-C before a command is loaded ends it as one after that does: 130, and no traceback."""

from __future__ import annotations

import pytest

from manager import cli


def test_ctrl_c_while_a_command_is_loaded_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_called", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == ""
