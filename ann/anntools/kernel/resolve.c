/* First pass over the records of a batch: their alleles, and the values of allele sources. */
#include "genes.h"

static Form form_of(const u8 *text, const Record *r, const Allele *a) {
    return (Form){
        (i64)whole_number(text + r->tab[0] + 1, (i64)r->tab[1] - r->tab[0] - 1) + r->delta,
        text + r->tab[2] + 1, text + a->alt_start,
        (i64)r->tab[3] - r->tab[2] - 1, (i64)a->alt_end - a->alt_start,
    };
}

static const Sequence *sequence_of(const Job *job, i64 contig) {
    if (contig < 0 || contig >= job->contigs || job->sequences[contig].length == 0) return 0;
    return job->sequences + contig;
}

static void find_values(Job *job, const Record *r, const Allele *a, u32 *values, Shift *room) {
    Form form = form_of(job->text, r, a);
    normalise(&form, sequence_of(job, r->contig), room);
    for (i64 s = 0; s < job->source_count; s++) {
        const Source *source = job->sources + s;
        if (source->kind != ALLELE_SOURCE) continue;
        i64 row = find_allele(source, r->contig, &form, job->hints + s);
        for (i64 c = 0; c < source->columns && row >= 0; c++) {
            u32 number = values[c] = row_value(source, r->contig, row, c);
            const Column *column = source->column + c;
            /* Texts of rare values lie anywhere: what is fetched now is there when written. */
            if (number < (u64)column->texts) __builtin_prefetch(column->off + number);
        }
        values += source->columns;
    }
}

/* Compare the first bases of REF with the reference, as far as either knows them. */
static void check_ref(Job *job, const Record *r) {
    const u8 *ref = job->text + r->tab[2] + 1;
    i64 length = (i64)r->tab[3] - r->tab[2] - 1, place = r->begin + r->delta;
    const Sequence *sequence = sequence_of(job, r->contig);
    i64 end = job->lengths[r->contig];
    int checked = 0, wrong = 0;
    if (end > 0 && place >= end) checked = wrong = 1;
    for (i64 i = 0; sequence && i < length && i < MAX_COMPARED; i++) {
        u8 known = base_at(sequence, place + i);
        if (!known || BASE[ref[i]] > 3) continue;
        checked = 1;
        wrong |= known != upper(ref[i]);
    }
    job->ref_checked += checked;
    job->ref_wrong += wrong;
}

/* Whether INFO has one of the keys that are to be added: the input does not declare it. */
static void check_keys(Job *job, const Record *r) {
    const u8 *at = job->text + r->tab[6] + 1, *limit = job->text + r->tab[7];
    while (at < limit && !job->taken) {
        const u8 *end = memchr(at, ';', (size_t)(limit - at));
        if (!end) end = limit;
        i64 key = 0;
        for (i64 s = 0; s < job->source_count; s++) {
            const Source *source = job->sources + s;
            for (i64 c = 0; c < source->columns; c++) {
                const Column *column = source->column + c;
                key++;
                if (column->number == 'I' || *column->name != *at) continue;
                if (end - at < column->name_len) continue;
                if (memcmp(at, column->name, (size_t)column->name_len) != 0) continue;
                if (at + column->name_len == end || at[column->name_len] == '=') job->taken = key;
            }
        }
        at = end + 1;
    }
}

/* Fill job->alleles and job->values.  Returns 0, or -1 when there are more alleles than room. */
EXPORT i64 anntools_resolve(Job *job) {
    Shift room;
    i64 n = 0;
    for (i64 i = 0; i < job->record_count; i++) {
        const Record *r = job->records + i;
        check_keys(job, r);
        if (r->contig >= 0 && r->contig < job->contigs) check_ref(job, r);
        int known = is_sequence(job->text + r->tab[2] + 1, (i64)r->tab[3] - r->tab[2] - 1);
        for (u32 from = r->tab[3] + 1; from <= r->tab[4]; n++) {
            if (n >= job->allele_count) return -1;
            u32 to = from;
            while (to < r->tab[4] && job->text[to] != ',') to++;
            Allele *a = job->alleles + n;
            *a = (Allele){.record = (u32)i, .alt_start = from, .alt_end = to};
            const u8 *alt = job->text + from;
            if (known && is_sequence(alt, (i64)to - from)) a->kind = BASES;
            else if (is_event(alt, (i64)to - from)) a->kind = *alt == '<' ? SYMBOLIC : BREAKEND;
            u32 *values = job->values + n * job->value_count;
            for (i64 v = 0; v < job->value_count; v++) values[v] = 0;
            if (a->kind == BASES && r->contig >= 0 && r->contig < job->contigs)
                find_values(job, r, a, values, &room);
            from = to + 1;
        }
    }
    job->allele_count = n;
    return 0;
}

/* List the pairs of allele and transcript that the routine must settle; returns how many, which
 * may be more than there is room for. */
EXPORT i64 anntools_pairs(Job *job) {
    i64 found = 0;
    if (!job->genes) return 0;
    for (i64 s = 0; s < job->source_count; s++) {
        const Source *source = job->sources + s;
        if (source->kind != GENE_SOURCE) continue;
        for (i64 n = 0; n < job->allele_count; n++) {
            const Allele *a = job->alleles + n;
            const Record *r = job->records + a->record;
            if (!a->kind || r->contig < 0 || r->contig >= job->contigs) continue;
            const u32 *near = 0;
            i64 count = near_transcripts(source, r, a->kind, job->hints + s, &near);
            if (!count || is_too_large(a, count)) continue;
            Form form = form_of(job->text, r, a);
            Change change = change_of(&form);
            const Sequence *sequence = sequence_of(job, r->contig);
            for (i64 t = 0; t < count; t++) {
                Finding f = find_effect(job->genes, near[t], a->kind, &change, sequence);
                if (f.what != ASK) continue;
                if (found < job->pair_room) {
                    job->pairs[2 * found] = n;
                    job->pairs[2 * found + 1] = near[t];
                }
                found++;
            }
        }
    }
    job->pair_count = found;
    return found;
}
