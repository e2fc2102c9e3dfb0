/* First pass over the records of a batch: their alleles, and the rows of the allele sources. */
#include "kernel.h"

static Form form_of(const u8 *text, const Record *r, const Allele *a) {
    return (Form){
        (i64)whole_number(text + r->tab[0] + 1, (i64)r->tab[1] - r->tab[0] - 1),
        text + r->tab[2] + 1, text + a->alt_start,
        (i64)r->tab[3] - r->tab[2] - 1, (i64)a->alt_end - a->alt_start,
    };
}

static const Sequence *sequence_of(const Job *job, i64 contig) {
    if (contig < 0 || contig >= job->contigs || job->sequences[contig].length == 0) return 0;
    return job->sequences + contig;
}

static void find_rows(Job *job, const Record *r, const Allele *a, i64 *rows, Shift *room) {
    Form form = form_of(job->text, r, a);
    normalise(&form, sequence_of(job, r->contig), room);
    for (i64 s = 0, n = 0; s < job->source_count; s++) {
        const Source *source = job->sources + s;
        if (source->kind != ALLELE_SOURCE) continue;
        rows[n++] = find_allele(source, r->contig, &form, job->hints + s);
    }
}

/* Fill job->alleles and job->rows.  Returns 0, or -1 when there are more alleles than room. */
EXPORT i64 anntools_resolve(Job *job) {
    Shift room;
    i64 n = 0;
    for (i64 i = 0; i < job->record_count; i++) {
        const Record *r = job->records + i;
        int known = is_sequence(job->text + r->tab[2] + 1, (i64)r->tab[3] - r->tab[2] - 1);
        for (u32 from = r->tab[3] + 1; from <= r->tab[4]; n++) {
            if (n >= job->allele_count) return -1;
            u32 to = from;
            while (to < r->tab[4] && job->text[to] != ',') to++;
            Allele *a = job->alleles + n;
            *a = (Allele){.record = (u32)i, .alt_start = from, .alt_end = to};
            a->kind = known && is_sequence(job->text + from, (i64)to - from);
            i64 *rows = job->rows + n * job->allele_source_count;
            for (i64 s = 0; s < job->allele_source_count; s++) rows[s] = -1;
            if (a->kind && r->contig >= 0 && r->contig < job->contigs)
                find_rows(job, r, a, rows, &room);
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
    for (i64 s = 0; s < job->source_count; s++) {
        const Source *source = job->sources + s;
        if (source->kind != GENE_SOURCE) continue;
        for (i64 n = 0; n < job->allele_count; n++) {
            const Allele *a = job->alleles + n;
            const Record *r = job->records + a->record;
            if (!a->kind || r->contig < 0 || r->contig >= job->contigs) continue;
            const u32 *near = 0;
            i64 count = near_transcripts(source, r, job->hints + s, &near);
            for (i64 t = 0; t < count; t++, found++) {
                if (found >= job->pair_room) continue;
                job->pairs[2 * found] = n;
                job->pairs[2 * found + 1] = near[t];
            }
        }
    }
    job->pair_count = found;
    return found;
}
