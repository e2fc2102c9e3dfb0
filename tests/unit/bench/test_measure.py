import json
from pathlib import Path

from tests.bench.measure import Measure, merge, table


def _a_measure(name: str, value: float) -> Measure:
    return Measure(name=name, value=value, unit="s", better="lower")


def test_figures_are_merged_by_name(tmp_path: Path) -> None:
    path = tmp_path / ".bench" / "results.json"
    merge(path, [_a_measure("job.a", 1.0), _a_measure("job.b", 2.0)])
    merge(path, [_a_measure("job.b", 3.0)])
    rows = json.loads(path.read_text())
    assert [(row["name"], row["value"]) for row in rows] == [("job.a", 1.0), ("job.b", 3.0)]
    assert set(rows[0]) == {"name", "value", "unit", "better"}


def test_the_table_has_a_line_a_figure() -> None:
    assert table([_a_measure("job.a", 0.12345)]) == "job.a  0.1235  s  lower is better"
