/* Finding records in a batch of text and the faults of those that are none. */
#include "kernel.h"

/* 0-3 for A, C, G, T in either case, 4 for N, 5 for anything else. */
static const u8 BASE[256] = {
    [0 ... 255] = 5,
    ['A'] = 0, ['C'] = 1, ['G'] = 2, ['T'] = 3, ['N'] = 4,
    ['a'] = 0, ['c'] = 1, ['g'] = 2, ['t'] = 3, ['n'] = 4,
};

static int is_sequence(const u8 *text, i64 length) {
    u8 worst = 0;
    for (i64 i = 0; i < length; i++) worst |= BASE[text[i]] == 5;
    return length > 0 && !worst;
}

/* Whether an ALT is symbolic or a breakend, spelled with nothing that INFO reserves.  <NON_REF> and
 * <X> stand for no allele, and <*> has a star. */
static int is_event(const u8 *text, i64 length) {
    int symbolic = length > 2 && text[0] == '<' && text[length - 1] == '>', bracket = 0;
    for (i64 i = 0; i < length; i++) {
        u8 c = text[i];
        int plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bracket |= c == '[' || c == ']';
        if (!plain && !strchr(symbolic ? "<>:_-" : "<>:_-[].*", c)) return 0;
    }
    if (!symbolic) return bracket && length > 3;
    return !(length == 9 && memcmp(text, "<NON_REF>", 9) == 0) &&
           !(length == 3 && text[1] == 'X');
}

/* Whether any byte is a control character other than tab and newline. */
static int has_control(const u8 *text, i64 length) {
    u8 found = 0;
    for (i64 i = 0; i < length; i++) {
        u8 c = text[i];
        found |= (u8)((c < 32) & (c != '\t') & (c != '\n'));
    }
    return found;
}

static i64 count_tabs(const u8 *text, i64 length) {
    i64 count = 0;
    while (length > 0) {
        /* Blocks short enough for a byte to count are what compilers turn into vector code. */
        i64 block = length < 255 ? length : 255;
        u8 part = 0;
        for (i64 i = 0; i < block; i++) part += text[i] == '\t';
        count += part;
        text += block;
        length -= block;
    }
    return count;
}

/* A whole number of at most MAX_DIGITS digits, or -1. */
static i64 whole_number(const u8 *text, i64 length) {
    if (length < 1 || length > MAX_DIGITS) return -1;
    i64 value = 0;
    for (i64 i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

/* The value of END in INFO, or -1. */
static i64 info_end(const u8 *info, i64 length) {
    const u8 *limit = info + length, *at = info;
    while (limit - at >= 5) {
        const u8 *found = memchr(at, 'E', (size_t)(limit - at));
        if (!found || limit - found < 5) return -1;
        if (memcmp(found, "END=", 4) == 0 && (found == info || found[-1] == ';')) {
            const u8 *from = found + 4, *to = from;
            while (to < limit && *to != ';') to++;
            return whole_number(from, to - from);
        }
        at = found + 1;
    }
    return -1;
}

static u32 fault(const u8 *text, const Record *r, i64 columns, i64 tabs, int control) {
    const u32 *tab = r->tab;
    if (control && has_control(text + r->start, r->end - r->start)) return CONTROL_CHARACTERS;
    if (tabs + 1 != columns) return COLUMN_COUNT;
    if (tab[0] == r->start || memchr(text + r->start, ' ', tab[0] - r->start)) return BAD_CONTIG;
    i64 pos = whole_number(text + tab[0] + 1, (i64)tab[1] - tab[0] - 1);
    if (pos < 0 || pos > MAX_POS) return BAD_POS;
    if (tab[3] - tab[2] < 2) return NO_REF;
    if (tab[4] - tab[3] < 2) return NO_ALT;
    return FINE;
}

/* Find the records of `text`.  Good ones go to `records`, others to `rejects` with their reason;
 * both have room for one record a line.  numbers: [records, rejects, alleles]. */
EXPORT i64 anntools_scan(const u8 *text, i64 length, i64 first_line, i64 columns, Record *records,
                         Record *rejects, i64 room, i64 *numbers) {
    i64 good = 0, bad = 0, alleles = 0, at = 0, line = first_line;
    int control = has_control(text, length);
    for (; at < length; line++) {
        const u8 *newline = memchr(text + at, '\n', (size_t)(length - at));
        i64 next = newline ? newline - text : length;
        i64 end = next;
        if (end > at && text[end - 1] == '\r') end--;
        Record r = {.start = (u32)at, .end = (u32)end, .line = (u32)line, .contig = -1};
        i64 tabs = 0, place = at;
        for (; place < end; place++) {
            if (text[place] == '\t') {
                r.tab[tabs++] = (u32)place;
                if (tabs == 8) break;
            }
        }
        for (i64 i = tabs; i < 8; i++) r.tab[i] = (u32)end;
        if (tabs == 8) tabs += count_tabs(text + place + 1, end - place - 1);
        at = next + 1;
        if (tabs == 0) {
            i64 blank = r.start;
            while (blank < end && (text[blank] == ' ')) blank++;
            if (blank == end) continue;
        }
        /* The carriage return before the newline is the line's end, not a control character. */
        r.reason = fault(text, &r, columns, tabs, control);
        if (r.reason == FINE) {
            i64 pos = whole_number(text + r.tab[0] + 1, (i64)r.tab[1] - r.tab[0] - 1);
            i64 told = info_end(text + r.tab[6] + 1, (i64)r.tab[7] - r.tab[6] - 1);
            r.begin = pos > 0 ? pos - 1 : 0;
            r.stop = pos - 1 + (r.tab[3] - r.tab[2] - 1);
            if (told > pos && told <= MAX_POS && told > r.stop) r.stop = told;
            if (r.stop <= r.begin) r.stop = r.begin + 1;
            r.delta = 0;
            r.alleles = 1;
            for (u32 i = r.tab[3] + 1; i < r.tab[4]; i++) r.alleles += text[i] == ',';
            alleles += r.alleles;
            if (good >= room) return -1;
            records[good++] = r;
        } else {
            if (bad >= room) return -1;
            rejects[bad++] = r;
        }
    }
    numbers[0] = good;
    numbers[1] = bad;
    numbers[2] = alleles;
    return 0;
}

/* The indexes at which the contig's name differs from that of the record before. */
EXPORT i64 anntools_runs(const u8 *text, const Record *records, i64 count, i64 *starts) {
    i64 runs = 0;
    for (i64 i = 0; i < count; i++) {
        const Record *r = records + i, *q = r - 1;
        i64 length = (i64)r->tab[0] - r->start;
        if (i == 0 || length != (i64)q->tab[0] - q->start ||
            memcmp(text + r->start, text + q->start, (size_t)length) != 0)
            starts[runs++] = i;
    }
    return runs;
}
