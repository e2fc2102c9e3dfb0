/* Transcripts as store/genes.py stores them, and the texts the routine's rules are written with. */
#ifndef ANNTOOLS_GENES_H
#define ANNTOOLS_GENES_H

#include "kernel.h"

/* The columns of the transcript table, in order: FIELDS of store/genes.py. */
typedef struct {
    i64 start, end, strand, exon_first, exon_end, cds_start, cds_end, cds_phase, seq_place,
        seq_length, seq_is_cds, genetic_code, flags, transcript_id, gene_id, gene_name, biotype,
        contig, length, coding_start, coding_end, frame_start, has_start, aa_length,
        protein_place, protein_length, names, warnings;
} Transcript;

/* SO terms with their impact, as ANN has them, and the rank of the worst. */
typedef struct {
    const u8 *text;
    i64 length, rank;
} Terms;

/* Plain terms; the same with splice_region_variant follow, then intron bases by the distances
 * from donor and acceptor, 1 to 18 each. */
enum {
    UPSTREAM, DOWNSTREAM, NON_CODING, UTR5, UTR3, UNSETTLED, PARTIAL, START_RETAINED, START_LOST,
    STOP_RETAINED, SYNONYMOUS, STOP_GAINED, MISSENSE, PLAIN_TERMS
};
enum { DEEP = 18, INTRON_TERMS = 2 * PLAIN_TERMS, ALL_TERMS = INTRON_TERMS + DEEP * DEEP };
enum { CODES = 34, CODON = 3, FLANK = 5000, EXON_REGION = 3, MAX_SHIFT = 1000, MAX_INSERTED = 500 };

typedef struct Genes {
    const Transcript *transcripts;
    i64 count;
    const u32 *exon_start, *exon_end, *exon_offset;
    i64 exons;
    const u8 *bits, *mask; /* bases of all sequences, see store/sequence.py */
    i64 bases;
    const u8 *protein;
    i64 protein_len;
    Column texts;
    const Terms *terms;    /* ALL_TERMS of them */
    const u8 *amino_acids; /* CODES x 64 letters by bases in the order ACGT; 0 where not carried */
    const u8 *three;       /* three letters by ASCII code */
    const u8 *mismatch, *realigned; /* warnings */
    i64 mismatch_len, realigned_len;
} Genes;

#endif
