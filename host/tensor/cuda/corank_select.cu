/*
 * corank_select.cu - LabelCoRank's label sequence: the labels over the threshold (S2), filled up with those that occur most often beside
 * them in training (S3), in training-frequency order if asked for. Choices only. A block has a document; co-occurrence is added up in double and
 * in the order of the lists, so that sums which are ties on the CPU are ties here. Launches: 3.
 */
#include "tensor/cuda/select.h"

#include <stdlib.h>

constexpr int BY_FREQUENCY = 1, FILL = 2, THREADS = 128;

template <class T> struct job {
	const T *logits, *co_value, *co_total;
	const int32_t *co_offsets, *co_index, *rank;
	int32_t *by_frequency, *place, *out, *flag; /* place, out [B, gamma] */
	uint32_t *key;
	double *sum;                                /* [B, L]: 0; co-occurrence beside S2; -1 for labels that are chosen */
	int64_t l, gamma, pairs;
	double alpha;
	int flags;
};

/* One warp: sums of what the n labels of S2 co-occur with. A list may name a label twice; then its lanes take turns. */
template <class T> __device__ static inline void
add_up(const job<T> &j, double *sum, const int32_t *out, int64_t n)
{
	int lane = threadIdx.x % 32;

	for (int64_t i = 0; i < n; i++) {
		double total = j.co_total ? (double)tl_get(j.co_total, out[i]) : 1;
		int32_t from = j.co_offsets[out[i]], to = j.co_offsets[out[i] + 1];
		for (int64_t base = from; base < to; base += 32) {
			int64_t at = base + lane;
			int32_t label = at < to ? j.co_index[at] : -1;
			bool twice = false;
			if (label < -1 || label >= j.l) {
				*j.flag = TL_ROW_corank_select + 1;
				label = -1;
			}
			for (int other = 0; other < 32; other++)
				twice |= __shfl_sync(0xffffffffu, label, other) == label && other != lane && label >= 0;
			twice = __any_sync(0xffffffffu, twice);
			for (int turn = 0; turn < (twice ? 32 : 1); turn++) {
				if (label >= 0 && (!twice || turn == lane))
					sum[label] += (double)tl_get(j.co_value, at) / total;
				__syncwarp();
			}
		}
	}
}

/* The label with the largest sum above 0, of equals the lowest; -1: none is left. The whole block. */
__device__ static inline int
most_beside(const double *sum, int64_t l, double *values, int *labels)
{
	double most = 0;
	int label = -1, warp = threadIdx.x / 32;

	for (int64_t i = threadIdx.x; i < l; i += THREADS)
		if (sum[i] > most) {
			most = sum[i];
			label = (int)i;
		}
	for (int by = 16; by; by >>= 1) {
		double other = __shfl_xor_sync(0xffffffffu, most, by);
		int of = __shfl_xor_sync(0xffffffffu, label, by);
		if (of >= 0 && (other > most || (other == most && of < label))) {
			most = other;
			label = of;
		}
	}
	if (threadIdx.x % 32 == 0) {
		values[warp] = most;
		labels[warp] = label;
	}
	__syncthreads();
	for (int w = 0; w < THREADS / 32; w++)
		if (labels[w] >= 0 && (label < 0 || values[w] > most || (values[w] == most && labels[w] < label))) {
			most = values[w];
			label = labels[w];
		}
	__syncthreads();
	return label;
}

/* S3: out holds n labels of S2 and gets gamma - n more. */
template <class T> __device__ static inline void
fill(const job<T> &j, double *sum, int32_t *out, int64_t n, double *values, int *labels)
{
	if (threadIdx.x < 32)
		add_up(j, sum, out, n);
	__syncthreads();
	for (int64_t i = threadIdx.x; i < n; i += THREADS)
		sum[out[i]] = -1;
	__syncthreads();
	for (int label; n < j.gamma && (label = most_beside(sum, j.l, values, labels)) >= 0; n++) {
		if (!threadIdx.x) {
			out[n] = label;
			sum[label] = -1;
		}
		__syncthreads();
	}
	/* Those that never co-occur come last, the more frequent ones first. */
	for (int64_t base = 0; threadIdx.x < 32 && base < j.l && n < j.gamma; base += 32) {
		int lane = threadIdx.x, label = base + lane < j.l ? j.by_frequency[base + lane] : -1;
		bool takes = label >= 0 && label < j.l && sum[label] == 0;
		uint32_t all = __ballot_sync(0xffffffffu, takes);
		int64_t at = n + __popc(all & ((1u << lane) - 1));
		if (takes && at < j.gamma)
			out[at] = label;
		n += __popc(all);
	}
	__syncthreads();
}

template <class T> static __global__ void __launch_bounds__(THREADS)
document_kernel(job<T> j)
{
	__shared__ tl_select_room room;
	__shared__ double values[THREADS / 32];
	__shared__ int labels[THREADS / 32], over;
	int64_t row = blockIdx.x;
	const T *logits = j.logits + row * j.l;
	int32_t *out = j.out + row * j.gamma, *place = j.place + row * j.gamma;
	uint32_t *key = j.key + row * j.gamma;

	auto key_of = [=] (int64_t i) {
		float v = tl_get(logits, i);
		return tl_key(v != v ? -INFINITY : v);
	};
	tl_select(&room, j.l, j.gamma, key_of, [=] (int64_t slot, int64_t i) {
		key[slot] = key_of(i);
		place[slot] = (int32_t)i;
	});
	tl_rank(j.gamma, [=] (int64_t slot) { return key[slot]; }, [=] (int64_t at, int64_t slot) { out[at] = place[slot]; });
	__syncthreads();
	if (j.flags & FILL) {
		if (!threadIdx.x) { /* how many are over the threshold, at least one; the sigmoid keeps the order */
			int n = 0;
			while (n < j.gamma && 1 / (1 + exp(-(double)tl_get(logits, out[n]))) > j.alpha)
				n++;
			over = n > 1 ? n : 1;
		}
		__syncthreads();
		fill(j, j.sum + row * j.l, out, over, values, labels);
	}
	if (!(j.flags & BY_FREQUENCY))
		return;
	for (int64_t i = threadIdx.x; i < j.gamma; i += THREADS)
		place[i] = out[i];
	__syncthreads();
	tl_rank(j.gamma, [=] (int64_t i) { return ~(uint32_t)j.rank[place[i]]; }, [=] (int64_t at, int64_t i) { out[at] = place[i]; });
}

/* frequency_rank must be a permutation; in the CPU's words where the host knows it. */
static int
permutation(tl_op_call *c, int64_t l)
{
	const int32_t *rank = tl_op_ints(c, 5);
	int32_t *by;
	int64_t i = 0;

	if (!rank)
		return 0;
	by = (int32_t *)malloc((size_t)(l + 1) * sizeof *by);
	for (int64_t k = 0; k < l; k++)
		by[k] = -1;
	while (i < l && by[rank[i]] < 0) {
		by[rank[i]] = (int32_t)i;
		i++;
	}
	if (i < l)
		tl_op_refuse(c, "frequency_rank gives labels %d and %lld the same place %d; wanted each place once", by[rank[i]], (long long)i, rank[i]);
	free(by);
	return i < l ? -1 : 0;
}

/* Checks of what only the device sees, sums at 0, labels by frequency. */
template <class T> static int
prepare(tl_op_call *c, const job<T> &j)
{
	int64_t all = j.flags & FILL ? c->in[0].dim[0] * j.l : 0, most = j.pairs > j.l ? j.pairs : j.l;

	if (tl_each(c, most > all ? most : all, [=] __device__ (int64_t i) {
		bool good = true;
		if (i < all)
			j.sum[i] = 0;
		if (i < j.pairs)
			good = tl_get(j.co_value, i) >= 0;
		if (i < j.l) {
			good = good && (!j.co_total || j.co_offsets[i + 1] <= j.co_offsets[i] || tl_get(j.co_total, i) > 0);
			if (j.rank[i] >= 0 && j.rank[i] < j.l)
				j.by_frequency[j.rank[i]] = (int32_t)i;
			else
				good = false;
		}
		if (!good)
			*j.flag = TL_ROW_corank_select + 1;
	}))
		return -1;
	return tl_each(c, tl_op_ints(c, 5) ? 0 : j.l, [=] __device__ (int64_t i) {
		if (j.rank[i] >= 0 && j.rank[i] < j.l && j.by_frequency[j.rank[i]] != i)
			*j.flag = TL_ROW_corank_select + 1;
	});
}

template <class T> static int
forward(tl_op_call *c)
{
	int64_t b = c->in[0].dim[0], l = c->in[0].dim[1], gamma = (int64_t)c->arg[0];
	int32_t *ints = (int32_t *)tl_scratch(c->ctx, (size_t)(2 * b * gamma + l) * sizeof *ints);
	int flags = (int)c->arg[2];
	double *sum = (double *)tl_scratch(c->ctx, flags & FILL ? (size_t)(b * l) * sizeof *sum : 1);
	job<T> j = { (const T *)c->in[0].data, (const T *)c->in[3].data, (const T *)c->in[4].data, (const int32_t *)c->in[1].data, (const int32_t *)c->in[2].data, (const int32_t *)c->in[5].data,
		ints + 2 * b * gamma, ints, (int32_t *)c->out.data, tl_device_flag(c->ctx), (uint32_t *)(ints + b * gamma), sum, l, gamma, c->in[3].count, c->arg[1], flags };

	if (!ints || !sum || tl_check_offsets(c, 1, c->in[2].count) || tl_check_index(c, 2, 0, l) || tl_check_index(c, 5, 0, l) || permutation(c, l) || prepare(c, j))
		return -1;
	TL_LAUNCH(document_kernel<T>, dim3((unsigned)b), dim3(THREADS), 0, c, j);
	return tl_launched(c);
}

TL_CUDA_OP_NO_GRAD(corank_select)
