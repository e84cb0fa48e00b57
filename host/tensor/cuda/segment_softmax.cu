/* segment_softmax.cu - x [T, ...] packed: softmax over the rows of each segment, column by column. */
#include "tensor/cuda/segment.h"

template <class T> static __global__ void __launch_bounds__(TL_STRIP * TL_LANES)
forward_kernel(const T *x, const int32_t *at, int64_t m, T *y)
{
	__shared__ float part[TL_LANES][TL_STRIP + 1];
	tl_strip s = tl_strip_of(at, m);
	float most = -INFINITY, sum = 0;

	for (int64_t r = s.from + s.lane; r < s.to; r += TL_LANES)
		most = tl_larger(tl_get(x, r * m + s.column), most);
	part[s.lane][threadIdx.x] = most;
	__syncthreads();
	for (int i = 0; i < TL_LANES; i++)
		most = tl_larger(part[i][threadIdx.x], most);
	__syncthreads();
	for (int64_t r = s.from + s.lane; r < s.to; r += TL_LANES)
		sum += expf(tl_get(x, r * m + s.column) - most);
	sum = 1 / tl_strip_sum(sum, part);
	for (int64_t r = s.from + s.lane; r < s.to; r += TL_LANES)
		tl_set(y, r * m + s.column, expf(tl_get(x, r * m + s.column) - most) * sum);
}

/* y (g - sum of y g) */
template <class T> static __global__ void __launch_bounds__(TL_STRIP * TL_LANES)
backward_kernel(const T *y, const T *g, const int32_t *at, int64_t m, T *gx, bool fresh)
{
	__shared__ float part[TL_LANES][TL_STRIP + 1];
	tl_strip s = tl_strip_of(at, m);
	float along = 0;

	for (int64_t r = s.from + s.lane; r < s.to; r += TL_LANES)
		along += tl_get(y, r * m + s.column) * tl_get(g, r * m + s.column);
	along = tl_strip_sum(along, part);
	for (int64_t r = s.from + s.lane; r < s.to; r += TL_LANES)
		tl_add_to(gx, r * m + s.column, tl_get(y, r * m + s.column) * (tl_get(g, r * m + s.column) - along), fresh);
}

template <class T> static int
forward(tl_op_call *c)
{
	int64_t m = tl_tail(&c->in[0], c->in[0].rank - 1);

	if (tl_check_offsets(c, 1, c->in[0].dim[0]))
		return -1;
	TL_LAUNCH(forward_kernel<T>, tl_strips(tl_segments(c), m), tl_strip_block(), 0, c, (const T *)c->in[0].data, (const int32_t *)c->in[1].data, m, (T *)c->out.data);
	return tl_launched(c);
}

template <class T> static int
backward(tl_op_call *c)
{
	int64_t m = tl_tail(&c->in[0], c->in[0].rank - 1);
	bool fresh = c->grad_fresh[0];

	TL_LAUNCH(backward_kernel<T>, tl_strips(tl_segments(c), m), tl_strip_block(), 0, c, (const T *)c->out.data, (const T *)c->grad_out, (const int32_t *)c->in[1].data, m,
	          (T *)c->grad_in[0], fresh);
	return tl_launched(c);
}

TL_CUDA_OP(segment_softmax)
