"""Reads HGVS descriptions back, sharing nothing with the code that writes them."""

import re

from ann.anntools.consequence.transcript import Transcript
from tests.unit.ann.consequence.worlds import World

COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
ONE_LETTER = {
    "Ala": "A", "Cys": "C", "Asp": "D", "Glu": "E", "Phe": "F", "Gly": "G", "His": "H",
    "Ile": "I", "Lys": "K", "Leu": "L", "Met": "M", "Asn": "N", "Pro": "P", "Gln": "Q",
    "Arg": "R", "Ser": "S", "Thr": "T", "Val": "V", "Trp": "W", "Tyr": "Y", "Ter": "*",
    "Xaa": "X", "Sec": "U",
}  # fmt: skip
POSITION = r"([*-]?\d+(?:[+-]\d+)?)"
RESIDUE = r"([A-Z][a-z]{2})(\d+)"


def genomic_numbers(transcript: Transcript) -> dict[str, int]:
    """Every HGVS number that has a base, by walking the transcript base by base."""
    exonic = [g for start, end in transcript.exons for g in range(start, end)]
    if transcript.strand == -1:
        exonic.reverse()
    coding = [
        g
        for g in exonic
        if transcript.cds is not None and transcript.cds[0] <= g < transcript.cds[1]
    ]
    names: list[str] = []
    if transcript.cds is None:
        names = [str(i) for i in range(1, len(exonic) + 1)]
    else:
        before = exonic.index(coding[0])
        for i in range(len(exonic)):
            if i < before:
                names.append(str(i - before))
            elif i < before + len(coding):
                names.append(str(i - before + 1))
            else:
                names.append(f"*{i - before - len(coding) + 1}")
    found = dict(zip(names, exonic, strict=True))
    for i in range(len(exonic) - 1):
        step = transcript.strand
        gap = list(range(exonic[i] + step, exonic[i + 1], step))
        half = (len(gap) + 1) // 2
        for n, g in enumerate(gap[:half], 1):
            found[f"{names[i]}+{n}"] = g
        for n, g in enumerate(reversed(gap[half:]), 1):
            found[f"{names[i + 1]}-{n}"] = g
    return found


def altered_contig(world: World, transcript: Transcript, text: str) -> bytes:
    """The contig after the change that a c. or n. description tells."""
    numbers = genomic_numbers(transcript)
    match = re.fullmatch(rf"[cn]\.{POSITION}(?:_{POSITION})?(.*)", text)
    assert match, text
    first = numbers[match[1]]
    last = numbers[match[2]] if match[2] else first
    low, high = min(first, last), max(first, last) + 1
    contig = world.sequence.decode()
    old = contig[low:high]
    kind = match[3]

    def oriented(bases: str) -> str:
        return bases if transcript.strand == 1 else bases.translate(COMPLEMENT)[::-1]

    if substitution := re.fullmatch(r"([ACGTN])>([ACGTN])", kind):
        assert oriented(old) == substitution[1], text
        new = oriented(substitution[2])
    elif kind == "del":
        new = ""
    elif kind == "dup":
        new = old + old
    elif kind == "inv":
        new = old.translate(COMPLEMENT)[::-1]
    elif kind == "=":
        new = old
    elif kind.startswith("delins"):
        new = oriented(kind.removeprefix("delins"))
    else:
        assert kind.startswith("ins"), text
        assert high - low == 2, text
        new = old[0] + oriented(kind.removeprefix("ins")) + old[1]
    return (contig[:low] + new + contig[high:]).encode()


def letters(names: str) -> str:
    """`ArgTer` as `R*`."""
    return "".join(ONE_LETTER[names[i : i + 3]] for i in range(0, len(names), 3))


def agrees(text: str, before: str, after: str) -> bool:
    """Whether a p. description tells how protein `before` became `after`.

    Both read up to and including their first stop; `after` lacks it when none is met.
    """
    if match := re.fullmatch(rf"p\.{RESIDUE}(?:_{RESIDUE})?=", text):
        last = match[4] or match[2]
        return (
            before == after
            and letters(match[1]) == before[int(match[2]) - 1]
            and (int(last) <= len(before))
        )
    if match := re.fullmatch(rf"p\.{RESIDUE}([A-Z][a-z]{{2}})fsTer(\d+|\?)", text):
        at = int(match[2]) - 1
        stop = "?" if not after.endswith("*") else str(len(after) - at)
        return (
            before[:at] == after[:at]
            and before[at] == letters(match[1])
            and after[at] == letters(match[3])
            and before[at] != after[at]
            and stop == match[4]
        )
    if match := re.fullmatch(r"p\.Ter(\d+)([A-Z][a-z]{2})extTer(\d+|\?)", text):
        at = int(match[1]) - 1
        stop = "?" if not after.endswith("*") else str(len(after) - 1 - at)
        return (
            before[:at] == after[:at]
            and before[at] == "*"
            and after[at] == letters(match[2])
            and stop == match[3]
        )
    match = re.fullmatch(rf"p\.{RESIDUE}(?:_{RESIDUE})?([A-Za-z]*)", text)
    assert match, text
    first = int(match[2]) - 1
    last = int(match[4]) - 1 if match[4] else first
    if letters(match[1]) != before[first] or (match[3] and letters(match[3]) != before[last]):
        return False
    kind = match[5]
    if kind == "del":
        made = before[:first] + before[last + 1 :]
        shifted = before[: first + 1] + before[last + 2 :]
        return made == after and (shifted != after or before[last + 1] == "*")
    if kind == "dup":
        made = before[: last + 1] + before[first : last + 1] + before[last + 1 :]
    elif kind.startswith("delins"):
        made = before[:first] + letters(kind.removeprefix("delins")) + before[last + 1 :]
    elif kind.startswith("ins"):
        assert last == first + 1, text
        made = before[:last] + letters(kind.removeprefix("ins")) + before[last:]
    else:
        made = before[:first] + letters(kind) + before[first + 1 :]
    return made[: made.find("*") + 1 or None] == after
