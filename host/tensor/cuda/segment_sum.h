/* segment_sum.h - segment_sum and segment_mean: MEAN is 0 or 1. Sums in double, as on the CPU. */
#include "tensor/cuda/segment.h"

template <class T> static __global__ void __launch_bounds__(TL_STRIP * TL_LANES)
sums_of_segments(const T *x, const int32_t *at, int64_t m, T *y)
{
	__shared__ double part[TL_LANES][TL_STRIP + 1];
	tl_strip s = tl_strip_of(at, m);
	double sum = 0;

	for (int64_t r = s.from + s.lane; r < s.to; r += TL_LANES)
		sum += tl_get(x, r * m + s.column);
	sum = tl_strip_sum(sum, part);
	if (s.there && !s.lane)
		tl_set(y, s.segment * m + s.column, (float)(MEAN && s.to > s.from ? sum * (1 / (double)(s.to - s.from)) : sum));
}

template <class T> static int
forward(tl_op_call *c)
{
	int64_t m = tl_tail(&c->in[0], c->in[0].rank - 1);

	if (tl_check_offsets(c, 1, c->in[0].dim[0]))
		return -1;
	TL_LAUNCH(sums_of_segments<T>, tl_strips(tl_segments(c), m), tl_strip_block(), 0, c, (const T *)c->in[0].data, (const int32_t *)c->in[1].data, m, (T *)c->out.data);
	return tl_launched(c);
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	const int32_t *at = (const int32_t *)c->in[1].data;
	int64_t m = tl_tail(&c->in[0], c->in[0].rank - 1), segments = tl_segments(c);
	bool fresh = c->grad_fresh[0];

	return tl_each_row(c, m ? c->in[0].dim[0] : 0, [=] __device__ (int64_t row, int lane) {
		int64_t s = tl_segment_at(at, segments, row);
		float by = MEAN ? 1 / (float)(at[s + 1] - at[s]) : 1;
		for (int64_t k = lane; k < m; k += 32)
			tl_add_to(gx, row * m + k, by * tl_get(g, s * m + k), fresh);
	});
}
