"""Chains: what lets positions of an older assembly be looked up in a newer one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ann.anntools.assembly.contigs import LENGTHS, canonical
from ann.anntools.build.parse.chain import read_chain
from ann.anntools.build.parse.lines import SourceError
from ann.anntools.store.chain import AlignedBlock
from ann.anntools.store.manifest import SourceInfo
from ann.anntools.store.reference import ReferenceWriter

CHAIN: Final = "lift"


def publish_chain(
    root: Path, info: SourceInfo, path: Path, lift_from: str, lift_to: str, release_id: str
) -> None:
    """Compile a chain file as the release in use of the assembly that it lifts from."""
    with ReferenceWriter(root, lift_from, release_id, LENGTHS[lift_from]) as writer:
        writer.chain(info, canonical_blocks(path, lift_from, lift_to))


def canonical_blocks(path: Path, lift_from: str, lift_to: str) -> Iterator[AlignedBlock]:
    """Blocks between chromosomes; those with the mitochondrion are of other sequences."""
    found = 0
    for block in read_chain(path):
        contig, to_contig = canonical(block.contig), canonical(block.to_contig)
        if contig is None or to_contig is None or "MT" in {contig, to_contig}:
            continue
        for assembly, name, end in (
            (lift_from, contig, block.start + block.size),
            (lift_to, to_contig, block.to_start + block.size),
        ):
            if end > LENGTHS[assembly][name]:
                raise SourceError(
                    path.name, f"reaches beyond {name} of {assembly}: not a chain between these"
                )
        found += 1
        yield block._replace(contig=contig, to_contig=to_contig)
    if not found:
        raise SourceError(path.name, f"no chromosome of {lift_from} in it")
