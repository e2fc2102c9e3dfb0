/* One form for every allele, its code, and finding it in a source. */
#include "kernel.h"

static u8 base_at(const Sequence *sequence, i64 place) {
    if (!sequence || place < 0 || place >= sequence->length) return 0;
    if (sequence->mask[place >> 3] >> (place & 7) & 1) return 0;
    return (u8)"ACGT"[sequence->bits[place >> 2] >> ((place & 3) * 2) & 3];
}

/* An allele pair; ref and alt point into the text or, when shifted, into a Shift. */
typedef struct {
    i64 pos;
    const u8 *ref, *alt;
    i64 ref_len, alt_len;
} Form;

/* Room to shift in: strings grow towards the beginning and are moved back when they reach it. */
typedef struct {
    u8 ref[4 * MAX_NORMALISED], alt[4 * MAX_NORMALISED];
} Shift;

static int same_letters(const u8 *a, const u8 *b, i64 length) {
    for (i64 i = 0; i < length; i++)
        if (upper(a[i]) != upper(b[i])) return 0;
    return 1;
}

static int same_alleles(const Form *f) {
    return f->ref_len == f->alt_len && same_letters(f->ref, f->alt, f->ref_len);
}

static int same_last(const Form *f) {
    return upper(f->ref[f->ref_len - 1]) == upper(f->alt[f->alt_len - 1]);
}

static void trim_right(Form *f) {
    while (f->ref_len > 1 && f->alt_len > 1 && same_last(f)) {
        f->ref_len--;
        f->alt_len--;
    }
}

static void trim_left(Form *f) {
    while (f->ref_len > 1 && f->alt_len > 1 && upper(*f->ref) == upper(*f->alt)) {
        f->ref++;
        f->alt++;
        f->ref_len--;
        f->alt_len--;
        f->pos++;
    }
}

/* Put a base before the string and drop its last one, within a buffer of 4 * MAX_NORMALISED. */
static const u8 *prepend(u8 *buffer, const u8 *string, i64 length, u8 base) {
    u8 *at = buffer + (string - buffer);
    if (at == buffer) {
        at = buffer + 4 * MAX_NORMALISED - length;
        memmove(at, buffer, (size_t)length);
    }
    *--at = base;
    return at;
}

static void shift_left(Form *f, const Sequence *sequence, Shift *room) {
    if (!sequence || f->pos < 2 || (f->ref_len != 1 && f->alt_len != 1) || !same_last(f)) return;
    u8 *ref = room->ref + 4 * MAX_NORMALISED - f->ref_len;
    u8 *alt = room->alt + 4 * MAX_NORMALISED - f->alt_len;
    memcpy(ref, f->ref, (size_t)f->ref_len);
    memcpy(alt, f->alt, (size_t)f->alt_len);
    f->ref = ref;
    f->alt = alt;
    while (same_last(f) && f->pos > 1) {
        u8 before = base_at(sequence, f->pos - 2);
        if (!before) break;
        f->ref = prepend(room->ref, f->ref, f->ref_len, before);
        f->alt = prepend(room->alt, f->alt, f->alt_len, before);
        f->pos--;
    }
}

/* As store/keys.py says; equal and long alleles stay as they are. */
static void normalise(Form *f, const Sequence *sequence, Shift *room) {
    if (f->ref_len + f->alt_len > MAX_NORMALISED || same_alleles(f)) return;
    trim_right(f);
    shift_left(f, sequence, room);
    trim_left(f);
}

/* The 31-bit code of VariantKey; hashed codes have bit 0 set. */
static u32 allele_code(const Form *f) {
    if (f->ref_len + f->alt_len <= MAX_SPELLED) {
        u32 code = (u32)f->ref_len << 27 | (u32)f->alt_len << 23, worst = 0;
        int shift = 23;
        for (i64 i = 0; i < f->ref_len + f->alt_len; i++) {
            u32 base = BASE[i < f->ref_len ? f->ref[i] : f->alt[i - f->ref_len]];
            worst |= base > 3;
            shift -= 2;
            code |= (base & 3) << shift;
        }
        if (!worst) return code;
    }
    u64 hash = 0xCBF29CE484222325u;
    for (i64 i = 0; i < f->ref_len; i++) hash = (hash ^ upper(f->ref[i])) * 0x100000001B3u;
    hash = (hash ^ 0xFF) * 0x100000001B3u;
    for (i64 i = 0; i < f->alt_len; i++) hash = (hash ^ upper(f->alt[i])) * 0x100000001B3u;
    return (u32)((hash ^ hash >> 32) & 0x7FFFFFFF) | 1;
}

/* A packed field of a chunk, checked against the length of the bits. */
typedef struct {
    const u8 *at;
    u32 width, base;
    u64 mask;
} Field;

static int open_field(const AlleleContig *c, i64 fields, i64 chunk, i64 field, Field *out) {
    u64 entry = c->dir[chunk * fields + field];
    i64 offset = (i64)(entry >> 8), rows = c->rows - chunk * CHUNK;
    u32 width = entry & 0xFF;
    if (rows > CHUNK) rows = CHUNK;
    if (width > 32 || rows < 0 || offset < 0 || offset > c->bits_len) return 0;
    if (c->bits_len - offset < (rows * width + 7) / 8 + 8) return 0;
    out->at = c->bits + offset;
    out->width = width;
    out->base = c->base[chunk * fields + field];
    out->mask = ((u64)1 << width) - 1;
    return 1;
}

static inline u32 field_value(const Field *f, i64 row) {
    u64 bit = (u64)row * f->width, word;
    memcpy(&word, f->at + (bit >> 3), 8);
    return (u32)(word >> (bit & 7) & f->mask) + f->base;
}

/* The first index from which keys are not below `key`, searched outwards from `near`. */
static i64 gallop(const u32 *keys, i64 count, u32 key, i64 near) {
    i64 low = 0, high = count, step = 1;
    if (near < 0 || near >= count) near = 0;
    if (count == 0) return 0;
    if (keys[near] < key) {
        low = near + 1;
        while (low + step <= count && keys[low + step - 1] < key) {
            low += step;
            step *= 2;
        }
        if (low + step < count) high = low + step;
    } else {
        high = near;
        while (high - step >= 0 && keys[high - step] >= key) {
            high -= step;
            step *= 2;
        }
        if (high - step >= 0) low = high - step + 1;
    }
    while (low < high) {
        i64 middle = (low + high) / 2;
        if (keys[middle] < key) low = middle + 1;
        else high = middle;
    }
    return low;
}

static i64 field_lower_bound(const Field *f, i64 count, u32 key, i64 near) {
    i64 low = 0, high = count, step = 1;
    if (near < 0 || near > count) near = 0;
    if (near < count && field_value(f, near) < key) {
        low = near + 1;
        while (low + step <= count && field_value(f, low + step - 1) < key) {
            low += step;
            step *= 2;
        }
        if (low + step < count) high = low + step;
    } else {
        high = near;
        if (high == 0) return 0;
        /* Records are mostly in order: the row before is usually smaller. */
        if (field_value(f, high - 1) < key) return high;
    }
    while (low < high) {
        i64 middle = (low + high) / 2;
        if (field_value(f, middle) < key) low = middle + 1;
        else high = middle;
    }
    return low;
}

static int same_long(const Source *s, const AlleleContig *c, i64 chunk, i64 place, const Form *f) {
    u64 start = c->exc_start[chunk], at = c->long_start[chunk];
    for (i64 i = 0; i < place; i++) at += c->exc[start + (u64)i] & 1;
    if (at >= (u64)c->longs_len) return 0;
    u64 offset = c->longs[at];
    u64 need = (u64)(f->ref_len + f->alt_len + 2);
    if (offset > (u64)s->long_len || (u64)s->long_len - offset < need) return 0;
    const u8 *text = s->long_text + offset;
    return text[f->ref_len] == 0 && text[f->ref_len + f->alt_len + 1] == 0 &&
           same_letters(text, f->ref, f->ref_len) &&
           same_letters(text + f->ref_len + 1, f->alt, f->alt_len);
}

static int same_complex(const Source *s, const AlleleContig *c, i64 chunk, i64 place, u32 code,
                        const Form *f) {
    u64 start = c->exc_start[chunk];
    if (start > (u64)c->exc_len || (u64)place >= (u64)c->exc_len - start) return 0;
    if (c->exc[start + (u64)place] != code) return 0;
    return !(code & 1) || same_long(s, c, chunk, place, f);
}

/* The first row of this allele, or -1. */
static i64 find_allele(const Source *s, i64 contig, const Form *f, Hint *hint) {
    const AlleleContig *c = s->alleles + contig;
    i64 fields = FIXED_FIELDS + s->columns;
    if (c->chunks == 0 || f->pos < 0 || f->pos > MAX_LOOKUP) return -1;
    u32 pos = (u32)f->pos, small = FIRST_COMPLEX, code = 0;
    if (f->ref_len == 1 && f->alt_len == 1 && BASE[*f->ref] < 4 && BASE[*f->alt] < 4)
        small = BASE[*f->ref] * 4u + BASE[*f->alt];
    else code = allele_code(f);
    if (hint->contig != contig) {
        hint->contig = contig;
        hint->chunk = hint->row = 0;
    }
    i64 chunk = gallop(c->first, c->chunks, pos, hint->chunk);
    if (chunk > 0) chunk--;
    i64 near = chunk == hint->chunk ? hint->row : 0;
    hint->chunk = chunk;
    for (; chunk < c->chunks && c->first[chunk] <= pos; chunk++, near = 0) {
        Field places, alleles;
        if (!open_field(c, fields, chunk, 0, &places)) return -1;
        if (!open_field(c, fields, chunk, 1, &alleles)) return -1;
        i64 count = c->rows - chunk * CHUNK < CHUNK ? c->rows - chunk * CHUNK : CHUNK;
        i64 row = field_lower_bound(&places, count, pos, near);
        if (chunk == hint->chunk) hint->row = row;
        for (; row < count && field_value(&places, row) == pos; row++) {
            u32 allele = field_value(&alleles, row);
            if (small < FIRST_COMPLEX ? allele == small
                                      : allele >= FIRST_COMPLEX &&
                                            same_complex(s, c, chunk, allele - FIRST_COMPLEX, code, f))
                return chunk * CHUNK + row;
        }
        if (row < count) return -1;
    }
    return -1;
}

/* The stored number of a row's value; 0 stands for none. */
static u32 row_value(const Source *s, i64 contig, i64 row, i64 column) {
    const AlleleContig *c = s->alleles + contig;
    Field field;
    if (row < 0 || row >= c->rows) return 0;
    if (!open_field(c, FIXED_FIELDS + s->columns, row / CHUNK, FIXED_FIELDS + column, &field))
        return 0;
    return field_value(&field, row % CHUNK);
}
