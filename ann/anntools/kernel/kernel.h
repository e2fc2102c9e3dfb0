/* Types shared by all parts of the kernel, and by structures.py, which mirrors the structs.
 *
 * Nothing read from a file is trusted: every offset that comes from the input or from a compiled
 * source is compared with the length of what it points into before it is used.
 */
#ifndef ANNTOOLS_KERNEL_H
#define ANNTOOLS_KERNEL_H

#include <stdint.h>
#include <string.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "compiled sources are little-endian"
#endif

#define EXPORT __attribute__((visibility("default")))

typedef uint8_t u8;
typedef uint32_t u32;
typedef int32_t i32;
typedef uint64_t u64;
typedef int64_t i64;

/* The last position that a CSI index of greatest depth reaches, and that a source can hold. */
#define MAX_POS (((i64)1 << 44) - 2)
#define MAX_LOOKUP ((i64)0x7FFFFFFE)
enum { MAX_DIGITS = 14 };

enum { CHUNK = 1024, FIRST_COMPLEX = 16, FIXED_FIELDS = 2 };
/* Longer alleles are matched as they stand. */
enum { MAX_NORMALISED = 1000, MAX_SPELLED = 11 };
/* A place may lie in any number of intervals; more than these are counted, not listed. */
enum { MAX_LISTED = 1000, ANN_PARTS = 16, MAX_RANKS = 64, MAX_COMPARED = 50 };
/* An event over more transcripts than these is told by its genes alone. */
enum { MAX_EVENT_TRANSCRIPTS = 200 };

/* Why a line is rejected; the order is that of REASONS in structures.py. */
enum {
    FINE, CONTROL_CHARACTERS, COLUMN_COUNT, BAD_CONTIG, BAD_POS, NO_REF, NO_ALT
};

/* A record in the text of a batch.  tab[i] is the end of column i; end excludes the line's end. */
typedef struct {
    u32 start, end, tab[8], line, reason, alleles;
    i32 contig;
    i64 begin, stop; /* 0-based half-open place on the contig */
    i64 delta;       /* what to add to a place to look it up in the reference */
} Record;

enum { NO_ALLELE, BASES, BREAKEND, SYMBOLIC };

/* One ALT allele.  kind: see above; of NO_ALLELE nothing is said. */
typedef struct {
    u32 record, alt_start, alt_end, kind;
    i64 best, best_len; /* its most severe ANN entry in the output, while a record is written */
} Allele;

/* Three bits a base; see store/sequence.py. */
typedef struct {
    const u8 *bits, *mask;
    i64 length;
} Sequence;

/* The INFO key or ID a value goes to.  number is 'A', '.', '0', or 'I' for the ID column. */
typedef struct {
    const u8 *name;
    i64 name_len, number, integer;
    const u8 *prefix;
    i64 prefix_len;
    const u64 *off;
    i64 texts; /* number of offsets less one */
    const u8 *text;
    i64 text_len;
} Column;

/* An allele source on one contig; see store/alleles.py. */
typedef struct {
    const u32 *first;
    const u64 *dir;
    const u32 *base;
    const u8 *bits;
    const u32 *exc;
    const u64 *exc_start;
    const u64 *longs;
    const u64 *long_start;
    i64 chunks, rows, bits_len, exc_len, longs_len;
} AlleleContig;

/* An interval source (or the gene source) on one contig; see store/intervals.py. */
typedef struct {
    const u32 *breaks, *sets;
    i64 segments;
} IntervalContig;

typedef struct {
    const u64 *off;
    const u32 *values;
    i64 sets, values_len, distinct;
} Sets;

enum { ALLELE_SOURCE, INTERVAL_SOURCE, GENE_SOURCE };

typedef struct {
    i64 kind, columns;
    const Column *column;
    const AlleleContig *alleles;     /* by contig number */
    const u8 *long_text;
    i64 long_len;
    const IntervalContig *intervals; /* by contig number */
    Sets sets;
} Source;

/* Where the last look-up in a source ended: the next one starts there. */
typedef struct {
    i64 contig, chunk, row;
    u32 *stamps; /* one for each distinct value: the epoch it was last listed in */
    u32 *near;   /* gene sources: room for the number of every transcript */
    u32 epoch, unused;
} Hint;

/* What became of one allele on one transcript; rank 0 is the most severe. */
typedef struct {
    i64 allele, rank, order, length;
    const u8 *text;
} Entry;

struct Genes;

/* Everything about one batch.  The fields named next_* are where the next call goes on. */
typedef struct {
    const u8 *text;
    i64 text_len;
    Record *records;
    i64 record_count;
    Allele *alleles;
    i64 allele_count;
    u32 *values; /* alleles x columns of allele sources: numbers of values, 0 for none */
    const Source *sources;
    i64 source_count, value_count;
    const Sequence *sequences; /* by contig number; length 0 where unknown */
    const i64 *lengths;        /* of contigs, by number */
    i64 ref_checked, ref_wrong; /* records whose REF could be compared, and that differ */
    i64 taken; /* 1 + the number of the key a record has already, 0 for none */
    i64 contigs;
    Hint *hints; /* one a source */
    const struct Genes *genes; /* of the one gene source, or none */
    /* Pairs of allele and transcript for the routine, and its answers in the same order. */
    i64 *pairs;
    i64 pair_room, pair_count;
    const i64 *answer_off, *answer_rank;
    const u8 *answer_text;
    const u8 *intergenic;
    i64 intergenic_len, intergenic_rank;
    /* Output. */
    u8 *out;
    i64 out_room;
    i64 *stops; /* end of each record in `out` */
    u8 *table;
    i64 table_room;
    i64 *slots; /* start and length in `out` of the value of each key */
    i64 slot_count;
    u8 *scratch;
    i64 scratch_room;
    Entry *entries, *sorted;
    i64 entry_room;
    i64 *hits;        /* whether each source has a value for the record being written */
    i64 rank;         /* that record's most severe consequence, -1 for none */
    i64 *annotated;   /* records, by source */
    i64 *by_rank;     /* records, by the rank of their most severe consequence */
    i64 ranks;
    i64 next_record, next_allele, next_pair, out_used, table_used;
} Job;

/* Text being written.  When it does not fit, `full` is set and nothing more is written. */
typedef struct {
    u8 *start, *next, *limit;
    int full;
} Writer;

/* Most texts are short: two overlapping moves of a fixed size beat a call. */
static inline void copy(u8 *to, const u8 *from, i64 length) {
    if (length > 32) memcpy(to, from, (size_t)length);
    else if (length > 16) {
        memcpy(to, from, 16);
        memcpy(to + length - 16, from + length - 16, 16);
    } else if (length >= 8) {
        u64 first, last;
        memcpy(&first, from, 8);
        memcpy(&last, from + length - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + length - 8, &last, 8);
    } else if (length >= 4) {
        u32 first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + length - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + length - 4, &last, 4);
    } else {
        for (i64 i = 0; i < length; i++) to[i] = from[i];
    }
}

static inline void put(Writer *w, const void *text, i64 length) {
    if (length > w->limit - w->next) {
        w->full = 1;
        return;
    }
    copy(w->next, text, length);
    w->next += length;
}

static inline void put_byte(Writer *w, u8 byte) {
    if (w->next >= w->limit) {
        w->full = 1;
        return;
    }
    *w->next++ = byte;
}

static inline void put_number(Writer *w, u64 value) {
    u8 digits[20];
    int n = 20;
    do {
        digits[--n] = (u8)('0' + value % 10);
        value /= 10;
    } while (value);
    put(w, digits + n, 20 - n);
}

#define PUT(w, literal) put((w), (literal), (i64)sizeof(literal) - 1)

/* The INFO column being written. */
typedef struct {
    Writer *w;
    Job *job;
    const Record *r;
    i64 first;   /* the record's first allele */
    i64 slot;    /* the next key's */
    int started; /* whether INFO has anything yet */
} Info;

static inline void begin_key(Info *info, const Column *c) {
    if (info->started) put_byte(info->w, ';');
    info->started = 1;
    put(info->w, c->name, c->name_len);
}

static inline u8 upper(u8 letter) { return letter >= 'a' && letter <= 'z' ? letter & 0xDF : letter; }

#endif
