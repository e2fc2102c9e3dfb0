/* The 16 fields of ANN for what variants.c found: the text of consequence/ann.py. */
#include "genes.h"

static void put_text(Writer *w, const Genes *g, i64 number) {
    const u8 *text = 0;
    i64 length = number < 0 ? 0 : pool_text(&g->texts, (u64)number, &text);
    if (length) put(w, text, length);
}

static void put_signed(Writer *w, i64 value) {
    if (value < 0) {
        put_byte(w, '-');
        value = -value;
    }
    put_number(w, (u64)value);
}

static void put_fraction(Writer *w, i64 part, i64 whole) {
    put_number(w, (u64)part);
    put_byte(w, '/');
    put_number(w, (u64)whole);
}

/* The c. or n. number of transcript position t. */
static void put_position(Writer *w, const Transcript *tx, i64 t) {
    if (tx->coding_end <= 0) put_number(w, (u64)t + 1);
    else if (t < tx->coding_start) put_signed(w, t - tx->coding_start);
    else if (t >= tx->coding_end) {
        put_byte(w, '*');
        put_number(w, (u64)(t - tx->coding_end) + 1);
    } else put_number(w, (u64)(t - tx->coding_start) + 1);
}

/* The number of a base of intron `nth`: that of the nearest exonic base and how far it is. */
static void put_intron_position(Writer *w, const Genes *g, const Transcript *tx, i64 nth, i64 at) {
    i64 after = at - exon_end(g, tx, nth) + 1, before = exon_start(g, tx, nth + 1) - at;
    int left = after < before || (after == before && tx->strand > 0);
    i64 border = left ? exon_end(g, tx, nth) - 1 : exon_start(g, tx, nth + 1);
    i64 offset = left ? after : -before;
    if (tx->strand < 0) offset = -offset;
    put_position(w, tx, in_exon(g, tx, left ? nth : nth + 1, border));
    if (offset > 0) put_byte(w, '+');
    put_signed(w, offset);
}

static void put_intron_range(Writer *w, const Genes *g, const Finding *f) {
    i64 first = f->tx->strand > 0 ? f->from : f->to, last = f->tx->strand > 0 ? f->to : f->from;
    put_intron_position(w, g, f->tx, f->nth, first);
    if (first == last) return;
    put_byte(w, '_');
    put_intron_position(w, g, f->tx, f->nth, last);
}

static void put_inserted(Writer *w, const Finding *f, const Change *c) {
    i64 length = c->inserted_len;
    for (i64 i = 0; i < length; i++) {
        i64 place = f->tx->strand > 0 ? i : length - 1 - i;
        int base = BASE[unit_letter(c->inserted, length, f->turn + place)] & 3;
        put_byte(w, (u8)"ACGT"[f->tx->strand > 0 ? base : 3 - base]);
    }
}

static void put_rank(Writer *w, const Finding *f) {
    if (f->what == OUTSIDE) return;
    i64 count = exon_count(f->tx) - (f->what != EXON);
    put_fraction(w, f->tx->strand > 0 ? f->nth + 1 : count - f->nth, count);
}

static void put_hgvs_c(Writer *w, const Genes *g, const Finding *f, const Change *c) {
    if (f->what == OUTSIDE) return;
    put_byte(w, f->tx->coding_end > 0 ? 'c' : 'n');
    put_byte(w, '.');
    if (f->what == EXON) put_position(w, f->tx, f->t);
    else put_intron_range(w, g, f);
    if (f->what == DELETION) PUT(w, "del");
    else if (f->what == DUPLICATION) PUT(w, "dup");
    else if (f->what == INSERTION) {
        PUT(w, "ins");
        put_inserted(w, f, c);
    } else {
        put_byte(w, f->old_base);
        put_byte(w, '>');
        put_byte(w, f->new_base);
    }
}

static void put_hgvs_p(Writer *w, const Genes *g, const Finding *f) {
    if (!f->before) return;
    PUT(w, "p.");
    put(w, g->three + 3 * f->before, 3);
    put_number(w, (u64)f->codon + 1);
    if (f->before == f->after) PUT(w, "%3D");
    else if (f->after == '?') put_byte(w, '?');
    else put(w, g->three + 3 * f->after, 3);
}

/* Fields 12 to 14: places in the transcript, the coding sequence and the protein. */
static void put_places(Writer *w, const Finding *f) {
    const Transcript *tx = f->tx;
    int exonic = f->what == EXON;
    if (exonic) put_fraction(w, f->t + 1, tx->length);
    put_byte(w, '|');
    int coding = exonic && f->t >= tx->coding_start && f->t < tx->coding_end;
    if (coding) put_fraction(w, f->t - tx->coding_start + 1, tx->coding_end - tx->coding_start);
    put_byte(w, '|');
    if (coding && f->t >= tx->frame_start) {
        i64 number = (f->t - tx->frame_start) / CODON + 1;
        if (number <= (tx->coding_end - tx->frame_start) / CODON)
            put_fraction(w, number, tx->aa_length);
    }
}

static void put_warnings(Writer *w, const Genes *g, const Finding *f) {
    if (f->shifted) put(w, g->realigned, g->realigned_len);
    if (f->what != EXON) return;
    if (f->mismatch) put(w, g->mismatch, g->mismatch_len);
    if (f->t < f->tx->coding_start || f->t >= f->tx->coding_end) return;
    const u8 *text = 0;
    i64 length = f->tx->warnings < 0 ? 0 : pool_text(&g->texts, (u64)f->tx->warnings, &text);
    if (f->mismatch && length) put_byte(w, '&');
    if (length) put(w, text, length);
}

static void put_ann(Writer *w, const Genes *g, const Finding *f, const Change *c, const u8 *allele,
                    i64 allele_len) {
    const Terms *terms = g->terms + f->terms;
    put(w, allele, allele_len);
    put_byte(w, '|');
    put(w, terms->text, terms->length);
    put_byte(w, '|');
    put_text(w, g, f->tx->names);
    put_byte(w, '|');
    put_rank(w, f);
    put_byte(w, '|');
    put_hgvs_c(w, g, f, c);
    put_byte(w, '|');
    put_hgvs_p(w, g, f);
    put_byte(w, '|');
    put_places(w, f);
    put_byte(w, '|');
    if (f->what == OUTSIDE) put_number(w, (u64)f->distance);
    put_byte(w, '|');
    put_warnings(w, g, f);
}
