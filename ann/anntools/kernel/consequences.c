/* The ANN entries of a record, most severe first. */
#include "genes.h"

typedef struct {
    Info *info;
    Writer scratch;
    i64 count;
} Entries;

static void add_entry(Entries *all, i64 allele, i64 rank, const u8 *text, i64 length) {
    Job *job = all->info->job;
    if (all->count >= job->entry_room) {
        all->info->w->full = 1;
        return;
    }
    if (rank < 0 || rank >= MAX_RANKS) rank = MAX_RANKS - 1;
    job->entries[all->count] = (Entry){allele, rank, all->count, length, text};
    all->count++;
}

/* What the routine said; pairs come in the order in which they were listed. */
static void add_answer(Entries *all, i64 allele, u32 transcript) {
    Job *job = all->info->job;
    i64 k = job->next_pair;
    if (k >= job->pair_count || job->pairs[2 * k] != allele || job->pairs[2 * k + 1] != transcript)
        return;
    job->next_pair++;
    /* Too far away after all: intergenic is said once, and only when nothing else is. */
    if (job->answer_rank[k] == job->intergenic_rank) return;
    add_entry(all, allele, job->answer_rank[k], job->answer_text + job->answer_off[k],
              job->answer_off[k + 1] - job->answer_off[k]);
}

static void add_finding(Entries *all, i64 allele, const Finding *f, const Change *c) {
    Job *job = all->info->job;
    const Allele *a = job->alleles + allele;
    u8 *from = all->scratch.next;
    put_ann(&all->scratch, job->genes, f, c, job->text + a->alt_start,
            (i64)a->alt_end - a->alt_start);
    add_entry(all, allele, job->genes->terms[f->terms].rank, from, all->scratch.next - from);
}

/* The allele as it stands in the record, then the text. */
static void add_intergenic(Entries *all, i64 allele) {
    Job *job = all->info->job;
    const Allele *a = job->alleles + allele;
    u8 *from = all->scratch.next;
    put(&all->scratch, job->text + a->alt_start, (i64)a->alt_end - a->alt_start);
    put(&all->scratch, job->intergenic, job->intergenic_len);
    add_entry(all, allele, job->intergenic_rank, from, all->scratch.next - from);
}

/* Stable, by rank. */
static const Entry *sort_entries(Job *job, i64 count) {
    if (count < 2) return job->entries;
    i64 place[MAX_RANKS + 1] = {0};
    for (i64 i = 0; i < count; i++) place[job->entries[i].rank + 1]++;
    for (i64 i = 0; i < MAX_RANKS; i++) place[i + 1] += place[i];
    for (i64 i = 0; i < count; i++) job->sorted[place[job->entries[i].rank]++] = job->entries[i];
    return job->sorted;
}

static void collect_entries(Entries *all, const Source *s, i64 index) {
    Info *info = all->info;
    Job *job = info->job;
    for (i64 n = info->first; n < info->first + info->r->alleles; n++) {
        Allele *a = job->alleles + n;
        a->best_len = 0;
        if (!a->kind) continue;
        const u32 *near = 0;
        i64 count = near_transcripts(s, info->r, a->kind, job->hints + index, &near);
        i64 before = all->count;
        if (is_too_large(a, count)) continue;
        Form form = form_of(job->text, info->r, a);
        Change change = change_of(&form);
        const Sequence *sequence = sequence_of(job, info->r->contig);
        for (i64 t = 0; t < count; t++) {
            Finding f = find_effect(job->genes, near[t], a->kind, &change, sequence);
            if (f.what == ASK) add_answer(all, n, near[t]);
            else if (f.what != NOTHING) add_finding(all, n, &f, &change);
        }
        if (all->count == before) add_intergenic(all, n);
        else job->hits[index] = 1;
    }
}

static void put_consequences(Info *info, const Source *s, i64 index) {
    Job *job = info->job;
    if (!job->genes || s->intervals[info->r->contig].segments == 0) return;
    Entries all = {info, {job->scratch, job->scratch, job->scratch + job->scratch_room, 0}, 0};
    collect_entries(&all, s, index);
    if (all.scratch.full) info->w->full = 1;
    if (!all.count || info->w->full) return;
    const Entry *sorted = sort_entries(job, all.count);
    Writer *w = info->w;
    begin_key(info, s->column);
    put_byte(w, '=');
    for (i64 i = 0; i < all.count; i++) {
        Allele *a = job->alleles + sorted[i].allele;
        if (i) put_byte(w, ',');
        if (!a->best_len) {
            a->best = w->next - w->start;
            a->best_len = sorted[i].length;
        }
        put(w, sorted[i].text, sorted[i].length);
    }
    job->rank = sorted[0].rank;
}
