/* topk.cu - x [..., m] -> i32 [..., k]: the k largest of each row, best first, ties by the lower index; a NaN counts as minus infinity. A block has a row. */
#include "tensor/cuda/select.h"

template <class T> static __global__ void __launch_bounds__(512)
row_kernel(int64_t m, int64_t k, const T *x, uint32_t *keys, int32_t *places, int32_t *out)
{
	__shared__ tl_select_room room;
	int64_t row = blockIdx.x;

	tl_select(&room, m, k, [=] (int64_t i) {
		float v = tl_get(x, row * m + i);
		return tl_key(v != v ? -INFINITY : v);
	}, [=] (int64_t slot, int64_t i) {
		float v = tl_get(x, row * m + i);
		keys[row * k + slot] = tl_key(v != v ? -INFINITY : v);
		places[row * k + slot] = (int32_t)i;
	});
	tl_rank(k, [=] (int64_t slot) { return keys[row * k + slot]; }, [=] (int64_t place, int64_t slot) { out[row * k + place] = places[row * k + slot]; });
}

template <class T> static int
forward(tl_op_call *c)
{
	int64_t m = tl_tail(&c->in[0], 1), rows = tl_rows(&c->in[0], 1), k = (int64_t)c->arg[0];
	uint32_t *keys = (uint32_t *)tl_scratch(c->ctx, (size_t)(2 * rows * k) * sizeof *keys);

	if (!keys)
		return -1;
	TL_LAUNCH(row_kernel<T>, dim3(k ? (unsigned)rows : 0), dim3(tl_select_threads(m)), 0, c, m, k, (const T *)c->in[0].data, keys, (int32_t *)(keys + rows * k), (int32_t *)c->out.data);
	return tl_launched(c);
}

TL_CUDA_OP_NO_GRAD(topk)
