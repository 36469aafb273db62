"""What is printed into a file or a pipe loses no name."""

import pytest

from benchmarks.figures import Cell, Figures, Table

COLUMNS = ["encoder", "key frame every", "ms a frame", "KiB a frame", "PSNR, dB", "SSIM", "random read", "by PyAV"]


def test_wide_tables_keep_their_names_off_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    row: list[Cell] = ["x264 ultrafast crf 22", 10, 1.234, 22.123, 44.523, 0.98979, 1.2653, 3.4916]
    note = "A sentence that is a good deal longer than a line of eighty characters, and comes in one piece."
    Figures("Codecs", "", "", [Table("Time", COLUMNS, [row])], notes=[note]).print()
    printed = capsys.readouterr().out
    assert "x264 ultrafast crf 22" in printed
    assert all(name in printed for name in COLUMNS)
    assert note in printed.splitlines()
