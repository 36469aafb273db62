"""The operator's command line."""

import pytest

from augmentation_operator.__main__ import main


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["help"], 2), (["--namespace", "robots"], 2)])
def test_argument_starts_no_operator(
    arguments: list[str], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("augmentation_operator.__main__.asyncio.run", lambda *_: pytest.fail("the operator started"))
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == status
    printed = capsys.readouterr()
    assert "augmentation-operator" in printed.out + printed.err
