"""How the timings of a service are shown."""

from tests.benchmarks.service import Timing, table


def test_the_last_line_has_medians() -> None:
    lines = table([Timing(0.1, 0.2, 0.01, 0.02, 0.05), Timing(0.3, 0.4, 0.01, 0.02, 0.07)])
    head, _, first, _, last = lines.splitlines()
    assert head == "| run | accepted ms | client ms | queued ms | compile ms | total ms |"
    assert first == "| 1 | 100 | 200 | 10 | 20 | 50 |"
    assert last == "| median | 200 | 300 | 10 | 20 | 60 |"
