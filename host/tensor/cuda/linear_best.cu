/*
 * linear_best.cu - the k best labels of x wT + b and their logits: x [B, d], w [L, d], b [L] -> [2, B, k], the logits best first and then
 * the labels they belong to, as numbers. A block of labels is multiplied at a time and its logits join the best so far, which are kept in
 * ascending order of labels; [B, L] is never stored. A number that is not finite comes first. Launches: 2 for each block of labels, and 1.
 */
#include "tensor/cuda/select.h"

constexpr int64_t ROOM = (int64_t)1 << 23, LEAST = 4096, MOST = 65536; /* logits there at a time; labels of a block */

struct kept { float *logit; int32_t *label; }; /* [B, k] */

__device__ static inline uint32_t
key_of(float logit)
{
	return tl_key(logit - logit == 0 ? logit : INFINITY);
}

/* The best k (or all) of the n kept so far and a block's `fresh` logits. */
template <class T> static __global__ void __launch_bounds__(512)
join_kernel(int64_t n, int64_t fresh, int64_t first, int64_t k, const T *z, kept from, kept to)
{
	__shared__ tl_select_room room;
	int64_t row = blockIdx.x, all = n + fresh < k ? n + fresh : k;
	auto logit = [=] (int64_t i) { return i < n ? from.logit[row * k + i] : tl_get(z, row * fresh + i - n); };

	tl_select(&room, n + fresh, all, [=] (int64_t i) { return key_of(logit(i)); }, [=] (int64_t slot, int64_t i) {
		to.logit[row * k + slot] = logit(i);
		to.label[row * k + slot] = i < n ? from.label[row * k + i] : (int32_t)(first + i - n);
	});
}

template <class T> static __global__ void __launch_bounds__(512)
order_kernel(int64_t b, int64_t k, kept best, T *out)
{
	int64_t row = blockIdx.x;

	tl_rank(k, [=] (int64_t slot) { return key_of(best.logit[row * k + slot]); }, [=] (int64_t place, int64_t slot) {
		tl_set(out, row * k + place, best.logit[row * k + slot]);
		tl_set(out, (b + row) * k + place, (float)best.label[row * k + slot]);
	});
}

template <class T> static int
forward(tl_op_call *c)
{
	int64_t b = c->in[0].dim[0], d = c->in[0].dim[1], l = c->in[1].dim[0], k = (int64_t)c->arg[0], block = ROOM / (b ? b : 1), n = 0;
	float *room;
	T *z;

	block = block < LEAST ? LEAST : block > MOST ? MOST : block;
	block = block < l ? block : l;
	if (!b || !k)
		return 0;
	if (!(z = (T *)tl_scratch(c->ctx, (size_t)(b * block) * sizeof *z)) || !(room = (float *)tl_scratch(c->ctx, (size_t)(4 * b * k) * sizeof *room)))
		return -1;
	kept now = { room, (int32_t *)(room + 2 * b * k) }, next = { room + b * k, (int32_t *)(room + 3 * b * k) }, swap;
	for (int64_t from = 0; from < l; from += block) {
		int64_t fresh = l - from < block ? l - from : block;
		tl_product p = tl_dense(0, 1, b, fresh, d, (const T *)c->in[0].data, (const T *)c->in[1].data + from * d, z, 1);
		if (c->in[2].data)
			p.bias = (const T *)c->in[2].data + from;
		if (tl_multiply(c, &p))
			return -1;
		TL_LAUNCH(join_kernel<T>, dim3((unsigned)b), dim3(tl_select_threads(k + block)), 0, c, n, fresh, from, k, (const T *)z, now, next);
		n = n + fresh < k ? n + fresh : k;
		swap = now, now = next, next = swap;
	}
	TL_LAUNCH(order_kernel<T>, dim3((unsigned)b), dim3(tl_select_threads(k)), 0, c, b, k, now, (T *)c->out.data);
	return tl_launched(c);
}

TL_CUDA_KERNELS(linear_best, { forward<float>, NULL }, 1 << 0 | 1 << 1, NULL)
