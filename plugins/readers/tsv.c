/* tsv - the reader csv with tabs between the fields: train.tsv, valid.tsv (optional), test.tsv. */
#define TABLE_NAME "tsv"
#define TABLE_SEPARATOR '\t'
#include "csv.c"
