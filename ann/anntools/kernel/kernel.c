/* The kernel as one unit: what runs for every record. */
#include "scan.c"
#include "alleles.c"
#include "intervals.c"
#include "variants.c"
#include "ann.c"
#include "resolve.c"
#include "consequences.c"
#include "render.c"
