/* segment_max.cu - x [T, ...] packed -> [B, ...]: the largest of each segment, column by column; 0 for an empty one. The first of equals takes the gradient. */
#include "tensor/cuda/segment.h"

/* Is b, which comes later where the values are equal, to be put in a's place? */
__device__ static inline bool
better(float a, int at_a, float b, int at_b)
{
	bool a_nan = a != a, b_nan = b != b;

	if (at_a < 0 || at_b < 0)
		return at_b >= 0;
	if (a_nan != b_nan)
		return b_nan;
	return !a_nan && b != a ? b > a : at_b < at_a;
}

template <class T> static __global__ void __launch_bounds__(TL_STRIP * TL_LANES)
most_of_segments(const T *x, const int32_t *at, int64_t m, T *y, int32_t *which)
{
	__shared__ float values[TL_LANES][TL_STRIP];
	__shared__ int rows[TL_LANES][TL_STRIP];
	tl_strip s = tl_strip_of(at, m);
	float most = 0;
	int row = -1;

	for (int64_t r = s.from + s.lane; r < s.to; r += TL_LANES) {
		float v = tl_get(x, r * m + s.column);
		if (better(most, row, v, (int)r)) {
			most = v;
			row = (int)r;
		}
	}
	values[s.lane][threadIdx.x] = most;
	rows[s.lane][threadIdx.x] = row;
	__syncthreads();
	if (!s.there || s.lane)
		return; /* no barrier follows */
	for (int i = 1; i < TL_LANES; i++)
		if (better(most, row, values[i][threadIdx.x], rows[i][threadIdx.x])) {
			most = values[i][threadIdx.x];
			row = rows[i][threadIdx.x];
		}
	tl_set(y, s.segment * m + s.column, most);
	which[s.segment * m + s.column] = row;
}

template <class T> static int
forward(tl_op_call *c)
{
	int64_t m = tl_tail(&c->in[0], c->in[0].rank - 1);

	if (tl_check_offsets(c, 1, c->in[0].dim[0]))
		return -1;
	TL_LAUNCH(most_of_segments<T>, tl_strips(tl_segments(c), m), tl_strip_block(), 0, c, (const T *)c->in[0].data, (const int32_t *)c->in[1].data, m, (T *)c->out.data,
	          (int32_t *)c->saved[0].data);
	return tl_launched(c);
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *g = (const T *)c->grad_out;
	T *gx = (T *)c->grad_in[0];
	const int32_t *at = (const int32_t *)c->in[1].data, *which = (const int32_t *)c->saved[0].data;
	int64_t m = tl_tail(&c->in[0], c->in[0].rank - 1), segments = tl_segments(c);
	bool fresh = c->grad_fresh[0];

	return tl_each_row(c, m ? c->in[0].dim[0] : 0, [=] __device__ (int64_t row, int lane) {
		int64_t s = tl_segment_at(at, segments, row);
		for (int64_t k = lane; k < m; k += 32)
			tl_add_to(gx, row * m + k, which[s * m + k] == row ? tl_get(g, s * m + k) : 0, fresh);
	});
}

TL_CUDA_OP(segment_max)
