/* segment.h - shapes and tiles of the segment ops: x [T, ...] packed by offsets [B + 1]; a tile is one segment's strip of columns. */
#include "tensor/cpu/cut.h"

#define STRIP 256 /* columns of one tile */

typedef struct segment_job {
	const REAL *x, *y, *g;
	REAL *out, *dx;
	int32_t *which;     /* segment_max: row of the largest, -1 for an empty segment */
	const int32_t *at;
	int64_t segments, m, strips;
	bool fresh;         /* dx is written, not added to */
} segment_job;

/* out is [B, ...] */
static inline int
segment_shape(tl_op_call *c)
{
	int64_t segments, dims[TL_MAX_RANK] = { 0 };

	if (tl_shape_rank(c, 0, 1, TL_MAX_RANK) || shape_offsets(c, 1, &segments))
		return -1;
	memcpy(dims, c->in[0].dim, sizeof dims);
	dims[0] = segments;
	return tl_shape_out(c, TL_REAL_DTYPE, c->in[0].rank, dims);
}

static inline segment_job
segment_make(tl_op_call *c)
{
	segment_job j = { .x = c->in[0].data, .at = c->in[1].data, .segments = c->in[1].dim[0] - 1, .m = row_width(&c->in[0]) };

	j.strips = tiles(j.m, STRIP);
	return j;
}

static inline void
segment_run(tl_op_call *c, segment_job *j, void (*tile)(void *arg, int64_t t))
{
	tl_parallel(c->ctx, j->segments * j->strips, tile, j);
}

typedef struct segment_tile { int64_t segment, from, to, column, n; } segment_tile; /* rows from .. to-1, n columns from `column` */

static inline segment_tile
segment_at(const segment_job *j, int64_t t)
{
	segment_tile s = { .segment = t / j->strips, .column = t % j->strips * STRIP };

	s.from = j->at[s.segment], s.to = j->at[s.segment + 1];
	s.n = TL_MIN(STRIP, j->m - s.column);
	return s;
}
