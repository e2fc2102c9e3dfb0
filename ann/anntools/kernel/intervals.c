/* Which values overlap a range. */
#include "kernel.h"

/* The segment that holds a place, or -1 when the contig has none. */
static i64 segment_of(const IntervalContig *c, i64 contig, i64 place, Hint *hint) {
    if (c->segments == 0 || place < 0 || place > MAX_LOOKUP) return -1;
    if (hint->contig != contig) {
        hint->contig = contig;
        hint->row = 0;
    }
    i64 found = gallop(c->breaks, c->segments, (u32)place + 1, hint->row) - 1;
    if (found < 0) return -1;
    hint->row = found;
    return found;
}

/* The members of a set; 0 of them for a number that makes no sense. */
static i64 members(const Sets *sets, u32 set, const u32 **values) {
    if (set >= sets->sets) return 0;
    u64 from = sets->off[set], to = sets->off[set + 1];
    if (from > to || to > (u64)sets->values_len) return 0;
    *values = sets->values + from;
    return (i64)(to - from);
}

/* The text of value `number` of a column; length 0 where there is none. */
static i64 pool_text(const Column *c, u64 number, const u8 **text) {
    if (number >= (u64)c->texts) return 0;
    u64 from = c->off[number], to = c->off[number + 1];
    if (from > to || to > (u64)c->text_len) return 0;
    *text = c->text + from;
    return (i64)(to - from);
}

/* A list of the values over a range, each once, as their text in one column. */
typedef struct {
    const Source *source;
    const IntervalContig *contig;
    i64 first, stop; /* the first segment, and the place where the range ends */
} Overlap;

static i64 list_overlap(Writer *w, const Overlap *o, const Column *column, Hint *hint) {
    i64 listed = 0, left_out = 0;
    int several = o->first + 1 < o->contig->segments && o->contig->breaks[o->first + 1] < o->stop;
    u32 epoch = ++hint->epoch;
    for (i64 i = o->first; i < o->contig->segments; i++) {
        if (i > o->first && o->contig->breaks[i] >= o->stop) break;
        const u32 *values = 0;
        i64 count = members(&o->source->sets, o->contig->sets[i], &values);
        for (i64 j = 0; j < count; j++) {
            u32 value = values[j];
            if (several) {
                if (value >= o->source->sets.distinct || hint->stamps[value] == epoch) continue;
                hint->stamps[value] = epoch;
            }
            if (listed >= MAX_LISTED) {
                left_out++;
                continue;
            }
            const u8 *text = 0;
            i64 length = pool_text(column, value, &text);
            if (listed++) put_byte(w, ',');
            if (length) put(w, text, length);
            else put_byte(w, '.');
        }
    }
    if (left_out) {
        PUT(w, ",+");
        put_number(w, (u64)left_out);
    }
    return listed;
}

/* The transcripts within the flanks of a record's REF, or of a whole event, each once. */
static i64 near_transcripts(const Source *s, const Record *r, u32 kind, Hint *hint,
                            const u32 **near) {
    const IntervalContig *c = s->intervals + r->contig;
    i64 begin = r->begin + r->delta, count = 0;
    i64 stop = begin + ((i64)r->tab[3] - r->tab[2] - 1);
    if (kind == SYMBOLIC) stop = r->stop + r->delta;
    i64 first = segment_of(c, r->contig, begin, hint);
    if (first < 0) return 0;
    if (first + 1 >= c->segments || c->breaks[first + 1] >= stop)
        return members(&s->sets, c->sets[first], near);
    u32 epoch = ++hint->epoch;
    for (i64 i = first; i < c->segments && (i == first || c->breaks[i] < stop); i++) {
        const u32 *values = 0;
        i64 found = members(&s->sets, c->sets[i], &values);
        for (i64 j = 0; j < found; j++) {
            if (values[j] >= s->sets.distinct || hint->stamps[values[j]] == epoch) continue;
            hint->stamps[values[j]] = epoch;
            hint->near[count++] = values[j];
        }
    }
    *near = hint->near;
    return count;
}
