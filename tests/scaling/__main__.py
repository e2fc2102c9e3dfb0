"""`make scaling`: simulate every policy, print the tables, keep the figures and the picture.

Writes `.bench/results.json` and, between their marks, the tables of docs/scaling.md and
docs/scaling.svg.  The same seeds give the same figures on every machine.
"""

from pathlib import Path

from tests.bench.measure import merge
from tests.scaling.compare import HEADER, LABELS, measure, policy_of, tables
from tests.scaling.plot import picture
from tests.scaling.pool import Conditions, Pool
from tests.scaling.trace import REFERENCE, jobs_of

RESULTS = Path(".bench/results.json")
PAGE = Path("docs/scaling.md")
PICTURE = Path("docs/scaling.svg")
BEGIN, END = "<!-- figures: begin -->\n", "<!-- figures: end -->"
SEED = 0


def written() -> str:
    """The tables as they stand in the page."""
    return "".join(
        f"### {title}\n\n{HEADER}\n" + "\n".join(lines) + "\n\n" for title, lines in tables()
    )


def drawn() -> str:
    """The picture: seed 0 under the two policies that adapt."""
    runs = {
        LABELS[name]: Pool(
            jobs_of(REFERENCE, SEED), policy_of(name, REFERENCE), Conditions(), SEED
        ).run()
        for name in ("need", "stock")
    }
    return picture({label: run.looks for label, run in runs.items()}, REFERENCE.hours)


def main() -> None:
    text = written()
    print(text, flush=True)
    page = PAGE.read_text()
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n{text}{END}{tail}")
    PICTURE.write_text(drawn())
    merge(RESULTS, measure(""))
    print(f"figures in {RESULTS}, table in {PAGE}, picture in {PICTURE}")


if __name__ == "__main__":
    main()
