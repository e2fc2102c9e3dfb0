/* Second pass: records as text with their values added, and the table beside them. */
#include "kernel.h"

enum { AHEAD = 8 };

static i64 column_length(const Record *r, int column) {
    return (i64)r->tab[column] - (column ? r->tab[column - 1] + 1 : r->start);
}

static const u8 *column_text(const Job *job, const Record *r, int column) {
    return job->text + (column ? r->tab[column - 1] + 1 : r->start);
}

static int is_missing(const u8 *text, i64 length) {
    return length == 0 || (length == 1 && *text == '.');
}

/* Whether `token` is one of the parts between semicolons of [list, limit). */
static int in_list(const u8 *list, const u8 *limit, const u8 *token, i64 length) {
    while (list < limit) {
        const u8 *end = memchr(list, ';', (size_t)(limit - list));
        if (!end) end = limit;
        if (end - list == length && memcmp(list, token, (size_t)length) == 0) return 1;
        list = end + 1;
    }
    return 0;
}

static void put_value(Writer *w, const Column *c, u32 number) {
    if (c->integer) {
        put(w, c->prefix, c->prefix_len);
        put_number(w, (u64)number - 1);
        return;
    }
    const u8 *text = 0;
    i64 length = pool_text(c, number, &text);
    put(w, text, length);
}

/* The identifiers of all alleles that are not in the column yet. */
static void put_ids(Writer *w, const Column *c, const u32 *values, i64 step, u32 alleles,
                    const u8 *start) {
    for (u32 a = 0; a < alleles; a++) {
        if (!values[a * step]) continue;
        u8 *before = w->next;
        if (before > start) put_byte(w, ';');
        u8 *token = w->next;
        put_value(w, c, values[a * step]);
        if (!w->full && in_list(start, before, token, w->next - token)) w->next = before;
    }
}

/* The ID column: what was there, then what the sources know that was not. */
static void put_id(Writer *w, const Job *job, const Record *r, i64 first) {
    const u8 *old = column_text(job, r, 2);
    i64 length = column_length(r, 2);
    u8 *start = w->next;
    if (!is_missing(old, length)) put(w, old, length);
    const u32 *values = job->values + first * job->value_count;
    for (i64 s = 0; s < job->source_count; s++) {
        const Source *source = job->sources + s;
        if (source->kind != ALLELE_SOURCE) continue;
        for (i64 c = 0; c < source->columns; c++, values++)
            if (source->column[c].number == 'I')
                put_ids(w, source->column + c, values, job->value_count, r->alleles, start);
    }
    if (w->next == start) put_byte(w, '.');
}

static void note_slot(Info *info, const u8 *from) {
    info->job->slots[2 * info->slot] = from - info->w->start;
    info->job->slots[2 * info->slot + 1] = info->w->next - from;
}

static int put_allele_key(Info *info, const Column *c, const u32 *values) {
    i64 step = info->job->value_count;
    int any = 0;
    for (u32 a = 0; a < info->r->alleles; a++) any |= values[a * step] != 0;
    if (!any) return 0;
    Writer *w = info->w;
    begin_key(info, c);
    u8 *from = w->next;
    if (c->number != '0') {
        put_byte(w, '=');
        from = w->next;
        for (u32 a = 0; a < info->r->alleles; a++) {
            u32 value = values[a * step];
            if (c->number != 'A' && !value) continue;
            if (w->next > from) put_byte(w, ',');
            if (value) put_value(w, c, value);
            else put_byte(w, '.');
        }
    }
    note_slot(info, from);
    return 1;
}

static void put_allele_source(Info *info, const Source *s, const u32 *values, i64 index) {
    int any = 0;
    for (i64 c = 0; c < s->columns; c++, values++) {
        if (s->column[c].number == 'I') {
            for (u32 a = 0; a < info->r->alleles; a++)
                any |= values[a * info->job->value_count] != 0;
            continue;
        }
        any |= put_allele_key(info, s->column + c, values);
        info->slot++;
    }
    info->job->hits[index] = any;
}

static void put_interval_source(Info *info, const Source *s, i64 index) {
    Hint *hint = info->job->hints + index;
    const IntervalContig *contig = s->intervals + info->r->contig;
    i64 first = segment_of(contig, info->r->contig, info->r->begin + info->r->delta, hint);
    Overlap overlap = {s, contig, first, info->r->stop + info->r->delta};
    int any = 0;
    if (first >= 0) {
        any = contig->sets[first] != 0;
        for (i64 i = first + 1; !any && i < contig->segments; i++) {
            if (contig->breaks[i] >= overlap.stop) break;
            any = contig->sets[i] != 0;
        }
    }
    for (i64 c = 0; c < s->columns; c++, info->slot++) {
        if (!any) continue;
        begin_key(info, s->column + c);
        put_byte(info->w, '=');
        u8 *from = info->w->next;
        list_overlap(info->w, &overlap, s->column + c, hint);
        note_slot(info, from);
    }
    info->job->hits[index] = any;
}

static void put_info(Writer *w, Job *job, const Record *r, i64 first) {
    const u8 *old = column_text(job, r, 7);
    i64 length = column_length(r, 7);
    const u32 *values = job->values + first * job->value_count;
    Info info = {w, job, r, first, 0, 0};
    u8 *start = w->next;
    if (!is_missing(old, length)) {
        put(w, old, length);
        info.started = 1;
    }
    for (i64 i = 0; i < job->slot_count; i++) job->slots[2 * i + 1] = -1;
    if (r->contig >= 0 && r->contig < job->contigs) {
        for (i64 s = 0; s < job->source_count; s++) {
            const Source *source = job->sources + s;
            if (source->kind == ALLELE_SOURCE) {
                put_allele_source(&info, source, values, s);
                values += source->columns;
            } else if (source->kind == INTERVAL_SOURCE) put_interval_source(&info, source, s);
            else put_consequences(&info, source, s);
        }
    }
    if (w->next == start) put_byte(w, '.');
}

static void put_record(Writer *w, Job *job, const Record *r, i64 first, i64 *id) {
    put(w, job->text + r->start, (i64)r->tab[1] + 1 - r->start);
    id[0] = w->next - w->start;
    put_id(w, job, r, first);
    id[1] = w->next - w->start - id[0];
    put(w, job->text + r->tab[2], (i64)r->tab[6] + 1 - r->tab[2]);
    put_info(w, job, r, first);
    put(w, job->text + r->tab[7], (i64)r->end - r->tab[7]);
    put_byte(w, '\n');
}

static void put_cell(Writer *w, const u8 *text, i64 length) {
    put_byte(w, '\t');
    if (length > 0) put(w, text, length);
    else put_byte(w, '.');
}

static int hex_digit(u8 c) {
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A value as it is read, not as INFO must have it: %3D is =; what a table cannot hold stays. */
static void put_plain_cell(Writer *w, const u8 *text, i64 length) {
    if (length <= 0 || !memchr(text, '%', (size_t)length)) {
        put_cell(w, text, length);
        return;
    }
    put_byte(w, '\t');
    for (i64 i = 0; i < length; i++) {
        int high = text[i] == '%' && i + 2 < length ? hex_digit(text[i + 1]) : -1;
        int low = high < 0 ? -1 : hex_digit(text[i + 2]);
        int byte = low < 0 ? -1 : high * 16 + low;
        if (byte >= 32 && byte < 127) i += 2;
        put_byte(w, byte >= 32 && byte < 127 ? (u8)byte : text[i]);
    }
}

/* Part `index` of a list between `mark`s, or the rest where there are fewer. */
static i64 part_of(const u8 **text, i64 length, u32 index, u8 mark) {
    const u8 *at = *text, *limit = at + length;
    for (; index > 0; index--) {
        const u8 *found = memchr(at, mark, (size_t)(limit - at));
        if (!found) break;
        at = found + 1;
    }
    const u8 *end = memchr(at, mark, (size_t)(limit - at));
    *text = at;
    return (end ? end : limit) - at;
}

static void put_slot_cell(Writer *w, const Job *job, const Column *c, i64 slot, u32 allele) {
    const u8 *text = job->out + job->slots[2 * slot];
    i64 length = job->slots[2 * slot + 1];
    if (length >= 0 && c->number == '0') PUT(w, "\t1");
    else {
        if (length > 0 && c->number == 'A') length = part_of(&text, length, allele, ',');
        put_plain_cell(w, text, length);
    }
}

/* The most severe consequence of the allele: the parts of its ANN entry after the allele. */
static void put_best_cells(Writer *w, const Job *job, const Allele *a) {
    const u8 *text = job->out + a->best;
    for (u32 part = 1; part < ANN_PARTS; part++) {
        const u8 *at = text;
        i64 length = a->best_len > 0 ? part_of(&at, a->best_len, part, '|') : 0;
        put_plain_cell(w, at, length);
    }
}

/* A spreadsheet runs a cell that begins with one of these, unless it is no more than a number. */
static int is_formula(const u8 *text, i64 length) {
    if (length <= 0 || !memchr("=+-@", text[0], 4)) return 0;
    for (i64 i = 0; i < length; i++)
        if (!memchr("0123456789.eE+-", text[i], 15)) return 1;
    return length == 1;
}

/* A cell of the input's own text, made harmless to a spreadsheet by a quote before it. */
static void put_input_cell(Writer *w, const u8 *text, i64 length) {
    if (!is_formula(text, length)) {
        put_cell(w, text, length);
        return;
    }
    PUT(w, "\t'");
    put(w, text, length);
}

/* A row of each allele: the record's fixed columns, a cell a key, the most severe consequence. */
static void put_table_rows(Writer *w, const Job *job, const Record *r, const i64 *id) {
    for (u32 i = 0; i < r->alleles; i++) {
        const Allele *a = job->alleles + job->next_allele + i;
        const u8 *line = job->text + r->start;
        if (is_formula(line, (i64)r->tab[0] - r->start)) put_byte(w, '\'');
        put(w, line, (i64)r->tab[1] - r->start);
        put_input_cell(w, job->out + id[0], id[1]);
        put_input_cell(w, column_text(job, r, 3), column_length(r, 3));
        put_input_cell(w, job->text + a->alt_start, (i64)a->alt_end - a->alt_start);
        put_input_cell(w, column_text(job, r, 5), column_length(r, 5));
        put_input_cell(w, column_text(job, r, 6), column_length(r, 6));
        i64 slot = 0;
        for (i64 s = 0; s < job->source_count; s++) {
            const Source *source = job->sources + s;
            if (source->kind == GENE_SOURCE) {
                put_best_cells(w, job, a);
                continue;
            }
            for (i64 c = 0; c < source->columns; c++)
                if (source->column[c].number != 'I')
                    put_slot_cell(w, job, source->column + c, slot++, i);
        }
        put_byte(w, '\n');
    }
}

/* Fetch the texts of an allele a few records ahead. */
static void prefetch(const Job *job, i64 allele) {
    if (allele >= job->allele_count) return;
    const u32 *values = job->values + allele * job->value_count;
    for (i64 s = 0; s < job->source_count; s++) {
        const Source *source = job->sources + s;
        if (source->kind != ALLELE_SOURCE) continue;
        for (i64 c = 0; c < source->columns; c++, values++) {
            const u8 *text = 0;
            if (*values && !source->column[c].integer && pool_text(source->column + c, *values, &text))
                __builtin_prefetch(text);
        }
    }
}

static void count_record(Job *job) {
    for (i64 s = 0; s < job->source_count; s++) job->annotated[s] += job->hits[s];
    if (job->rank >= 0 && job->rank < job->ranks) job->by_rank[job->rank]++;
}

/* Write as many records as fit.  Returns 1 when more room is wanted, else 0. */
EXPORT i64 anntools_render(Job *job) {
    Writer out = {job->out, job->out + job->out_used, job->out + job->out_room, 0};
    Writer table = {job->table, job->table + job->table_used, job->table + job->table_room, 0};
    while (job->next_record < job->record_count) {
        const Record *r = job->records + job->next_record;
        i64 id[2], pair = job->next_pair;
        if (job->next_allele + r->alleles > job->allele_count) return -1;
        prefetch(job, job->next_allele + AHEAD);
        job->rank = -1;
        for (i64 s = 0; s < job->source_count; s++) job->hits[s] = 0;
        put_record(&out, job, r, job->next_allele, id);
        if (job->table_room) put_table_rows(&table, job, r, id);
        if (out.full || table.full) {
            job->next_pair = pair;
            return 1;
        }
        count_record(job);
        job->out_used = out.next - out.start;
        job->table_used = table.next - table.start;
        job->stops[job->next_record++] = job->out_used;
        job->next_allele += r->alleles;
    }
    return 0;
}
