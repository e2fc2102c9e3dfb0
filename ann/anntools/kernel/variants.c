/* What the kernel says of an allele on a transcript without asking the routine: substitutions of
 * one base, and insertions and deletions beside a transcript or deep inside one of its introns.
 * The rules are those of consequence/snv.py and consequence/effect.py, to the letter. */
#include "genes.h"

/* An allele without what REF and ALT share; start and end 0-based half-open. */
typedef struct {
    i64 start, end;
    const u8 *removed, *inserted;
    i64 inserted_len;
} Change;

enum { ASK, NOTHING, OUTSIDE, INTRON, EXON, DELETION, INSERTION, DUPLICATION };

/* What was found, ready to be written. */
typedef struct {
    int what;
    const Transcript *tx;
    i64 nth, t, distance, from, to; /* from..to: the genomic bases that c. names */
    int terms, mismatch, shifted;
    u8 old_base, new_base; /* along the transcript */
    u8 before, after;      /* amino acids, 0 for none */
    i64 codon;
    i64 turn;              /* an insertion reads from here, round */
} Finding;

static Change change_of(const Form *f) {
    i64 ref_len = f->ref_len, alt_len = f->alt_len, head = 0;
    while (head < ref_len && head < alt_len && upper(f->ref[head]) == upper(f->alt[head])) head++;
    while (ref_len > head && alt_len > head &&
           upper(f->ref[ref_len - 1]) == upper(f->alt[alt_len - 1])) {
        ref_len--;
        alt_len--;
    }
    return (Change){f->pos - 1 + head, f->pos - 1 + ref_len, f->ref + head, f->alt + head,
                    alt_len - head};
}

/* The exon that starts last before or at a place inside the transcript, from 0. */
static i64 exon_before(const Genes *g, const Transcript *tx, i64 at) {
    i64 low = tx->exon_first, high = tx->exon_end;
    while (high - low > 1) {
        i64 middle = (low + high) / 2;
        if ((i64)g->exon_start[middle] <= at) low = middle;
        else high = middle;
    }
    return low - tx->exon_first;
}

static i64 exon_start(const Genes *g, const Transcript *tx, i64 nth) {
    return g->exon_start[tx->exon_first + nth];
}

static i64 exon_end(const Genes *g, const Transcript *tx, i64 nth) {
    return g->exon_end[tx->exon_first + nth];
}

static i64 exon_count(const Transcript *tx) { return tx->exon_end - tx->exon_first; }

static i64 in_exon(const Genes *g, const Transcript *tx, i64 nth, i64 at) {
    i64 offset = g->exon_offset[tx->exon_first + nth];
    return offset + (tx->strand > 0 ? at - exon_start(g, tx, nth) : exon_end(g, tx, nth) - 1 - at);
}

/* 0-3 for A, C, G, T at transcript position t, 4 for N, -1 where it is not known. */
static int transcript_base(const Genes *g, const Transcript *tx, i64 t) {
    if (tx->seq_place < 0) return -1;
    i64 inside = tx->seq_is_cds ? t - tx->coding_start : t;
    if (inside < 0 || inside >= tx->seq_length) return -1;
    i64 place = tx->seq_place + inside;
    if (place >= g->bases) return -1;
    if (g->mask[place >> 3] >> (place & 7) & 1) return 4;
    return g->bits[place >> 2] >> ((place & 3) * 2) & 3;
}

static int outside(const Transcript *tx, i64 start, i64 end, Finding *f) {
    int forward = tx->strand > 0;
    if (end <= tx->start) {
        f->distance = tx->start - end + 1;
        f->terms = forward ? UPSTREAM : DOWNSTREAM;
    } else if (start >= tx->end) {
        f->distance = start - tx->end + 1;
        f->terms = forward ? DOWNSTREAM : UPSTREAM;
    } else return 0;
    f->what = f->distance > FLANK ? NOTHING : OUTSIDE;
    return 1;
}

/* Terms of a coding base; 0 when the routine must be asked. */
static int in_codon(const Genes *g, const Transcript *tx, i64 t, int alt, Finding *f) {
    i64 inside = t - tx->frame_start;
    i64 codon = inside >= 0 ? inside / CODON : -1, start = tx->frame_start + codon * CODON;
    if (start + CODON > tx->coding_end) {
        f->terms = PARTIAL;
        return 1;
    }
    f->terms = UNSETTLED;
    if (codon < 0 || tx->protein_place < 0) return 1;
    if (codon >= tx->protein_length || tx->protein_place + codon >= g->protein_len) return 0;
    if (tx->genetic_code < 0 || tx->genetic_code >= CODES) return 0;
    int number = 0;
    for (i64 i = 0; i < CODON; i++) {
        int base = start + i == t ? alt : transcript_base(g, tx, start + i);
        if (base < 0 || base > 3) return 0;
        number = number * 4 + base;
    }
    if (transcript_base(g, tx, t) < 0 || transcript_base(g, tx, t) > 3) return 0;
    f->codon = codon;
    u8 before = g->protein[tx->protein_place + codon];
    u8 after = g->amino_acids[tx->genetic_code * 64 + number];
    if (codon == 0 && tx->has_start) {
        int kept = after == 'M' || (after && after == before);
        f->before = 'M';
        f->after = kept ? 'M' : '?';
        f->terms = kept ? START_RETAINED : START_LOST;
        return 1;
    }
    if (!after || before == 'X' || after == 'X') return 0;
    if (before == after) f->terms = after == '*' ? STOP_RETAINED : SYNONYMOUS;
    else if (before == '*') return 0;
    else f->terms = after == '*' ? STOP_GAINED : MISSENSE;
    f->before = before;
    f->after = after;
    return 1;
}

static int near_intron(const Genes *g, const Transcript *tx, i64 nth, i64 at) {
    i64 start = exon_start(g, tx, nth), end = exon_end(g, tx, nth);
    return (at - start < EXON_REGION && nth && exon_end(g, tx, nth - 1) < start) ||
           (end - at <= EXON_REGION && nth + 1 < exon_count(tx) &&
            end < exon_start(g, tx, nth + 1));
}

static int intron_terms(const Genes *g, const Transcript *tx, i64 nth, i64 at) {
    i64 after = at - exon_end(g, tx, nth) + 1, before = exon_start(g, tx, nth + 1) - at;
    if (after > DEEP) after = DEEP;
    if (before > DEEP) before = DEEP;
    if (tx->strand < 0) {
        i64 swap = after;
        after = before;
        before = swap;
    }
    if (after < 1 || before < 1) return UNSETTLED;
    return INTRON_TERMS + DEEP * (int)(after - 1) + (int)(before - 1);
}

static void substitution(const Genes *g, const Transcript *tx, const Change *c, Finding *f) {
    int ref = BASE[*c->removed], alt = BASE[*c->inserted];
    if (ref > 3 || alt > 3) return;
    if (tx->strand < 0) {
        ref = 3 - ref;
        alt = 3 - alt;
    }
    f->old_base = (u8)"ACGT"[ref];
    f->new_base = (u8)"ACGT"[alt];
    f->from = f->to = c->start;
    f->nth = exon_before(g, tx, c->start);
    if (c->start >= exon_end(g, tx, f->nth)) {
        if (f->nth + 1 >= exon_count(tx)) return;
        f->terms = intron_terms(g, tx, f->nth, c->start);
        f->what = INTRON;
        return;
    }
    i64 t = f->t = in_exon(g, tx, f->nth, c->start);
    if (t < 0 || t >= tx->length) return;
    if (tx->coding_end <= 0) f->terms = NON_CODING;
    else if (t < tx->coding_start) f->terms = UTR5;
    else if (t >= tx->coding_end) f->terms = UTR3;
    else if (!in_codon(g, tx, t, alt, f)) return;
    int known = transcript_base(g, tx, t);
    f->mismatch = known >= 0 && known < 4 && known != ref;
    if (near_intron(g, tx, f->nth, c->start)) f->terms += PLAIN_TERMS;
    f->what = EXON;
}

static u8 genome_letter(const Sequence *s, i64 place) {
    u8 base = base_at(s, place);
    return base ? base : 'N';
}

static u8 unit_letter(const u8 *unit, i64 length, i64 place) {
    place %= length;
    return upper(unit[place < 0 ? place + length : place]);
}

/* How far a unit can move right (step 1) or left (-1) from a border; MAX_SHIFT for too far. */
static i64 reach(const Sequence *s, const u8 *unit, i64 length, i64 border, int step) {
    i64 moved = 0;
    for (; moved < MAX_SHIFT; moved++) {
        i64 place = step > 0 ? border + moved : border - 1 - moved;
        if (place < 0 || place >= s->length) break;
        /* What is passed over repeats the unit, so that the unit alone tells what must follow. */
        i64 letter = step > 0 ? moved : length - 1 - moved;
        if (genome_letter(s, place) != unit_letter(unit, length, letter)) break;
    }
    return moved;
}

/* An insertion or deletion whose every placement is more than 18 bases inside one intron. */
static void indel(const Genes *g, const Transcript *tx, const Change *c, const Sequence *s,
                  Finding *f) {
    i64 removed = c->end - c->start, length = removed ? removed : c->inserted_len;
    const u8 *unit = removed ? c->removed : c->inserted;
    if (!s || length > MAX_INSERTED || (removed && c->inserted_len)) return;
    for (i64 i = 0; i < length; i++)
        if (BASE[unit[i]] > 3) return;
    i64 nth = exon_before(g, tx, c->start);
    if (nth + 1 >= exon_count(tx)) return;
    i64 low = exon_end(g, tx, nth) + DEEP, high = exon_start(g, tx, nth + 1) - DEEP;
    if (c->start < low || c->end > high) return;
    i64 right = reach(s, unit, length, c->end, 1), left = reach(s, unit, length, c->start, -1);
    if (right >= MAX_SHIFT || left >= MAX_SHIFT) return;
    if (c->start - left - length < low || c->end + right + length > high) return;
    i64 shift = tx->strand > 0 ? right : -left;
    f->nth = nth;
    f->shifted = shift != 0;
    f->terms = INTRON_TERMS + DEEP * DEEP - 1;
    f->turn = shift;
    f->from = c->start + shift;
    f->to = c->end - 1 + shift;
    f->what = DELETION;
    if (removed) return;
    /* The bases directly 5' of the place: those before it, or after it on the other strand. */
    i64 first = tx->strand > 0 ? f->from - length : f->from;
    f->what = DUPLICATION;
    for (i64 i = 0; i < length && f->what == DUPLICATION; i++)
        if (genome_letter(s, first + i) != unit_letter(unit, length, shift + i)) f->what = INSERTION;
    f->to = f->what == DUPLICATION ? first + length - 1 : f->from;
    f->from = f->what == DUPLICATION ? first : f->from - 1;
}

/* The rules for one allele and transcript; `what` is ASK when they are the routine's. */
static Finding find_effect(const Genes *g, i64 number, u32 kind, const Change *c,
                           const Sequence *s) {
    Finding f = {.what = NOTHING};
    if (number < 0 || number >= g->count) return f;
    f.what = ASK;
    if (kind != BASES) return f;
    const Transcript *tx = f.tx = g->transcripts + number;
    i64 removed = c->end - c->start;
    if (removed == 0 && c->inserted_len == 0) return f;
    if (outside(tx, c->start, c->end, &f)) return f;
    if (c->start < tx->start || c->end > tx->end) return f;
    if (removed == 1 && c->inserted_len == 1) substitution(g, tx, c, &f);
    else indel(g, tx, c, s, &f);
    return f;
}

static int is_too_large(const Allele *a, i64 transcripts) {
    return a->kind == SYMBOLIC && transcripts > MAX_EVENT_TRANSCRIPTS;
}
