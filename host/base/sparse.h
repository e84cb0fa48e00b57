/* sparse.h - rows of numbers that are mostly zero: those of row i are offset[i] .. offset[i+1]-1, by ascending index. */
#ifndef HOST_BASE_SPARSE_H
#define HOST_BASE_SPARSE_H

#include <stdint.h>

typedef struct tl_sparse { int64_t n, width, *offset; int32_t *index; double *value; } tl_sparse;

/* n empty rows with room for `most` numbers in all. */
tl_sparse tl_sparse_new(int64_t n, int64_t width, int64_t most);
/* Fills rows one after the other: row i becomes the numbers of row [width] that are not zero; NULL: none. *room: for how many there is room, grows. */
void tl_sparse_fill(tl_sparse *s, int64_t i, const double *row, int64_t *room);
void tl_sparse_free(tl_sparse *s);
/* a + factor * b of as many rows, zeros left out; as wide as the wider one. */
tl_sparse tl_sparse_sum(const tl_sparse *a, double factor, const tl_sparse *b);

#endif
