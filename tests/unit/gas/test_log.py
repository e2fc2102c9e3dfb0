"""The log: one JSON line an event, whatever is in it."""

import json
import logging

import pytest

from gas.log import set_up


def test_a_line_break_in_a_fact_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    evil = 'x\r\n{"event": "forged"}\x1b[31m\u2028\u202e'
    try:
        set_up("test")
        logging.getLogger("gas.test").warning("something happened", extra={"reason": evil})
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    captured = capsys.readouterr()
    lines = (captured.out + captured.err).splitlines()
    assert len(lines) == 1
    assert evil in json.loads(lines[0]).values()
    assert "\x1b" not in lines[0]
