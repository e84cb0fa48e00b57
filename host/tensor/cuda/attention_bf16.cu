/*
 * attention_bf16.cu - attention with its products on the tensor cores (precision = "bf16"): queries, keys, values and the gradient that arrives are rounded to
 * bf16, so are weights before they meet values, and gradients of scores before they meet keys or queries; sums, softmax, results are float.
 * Tiles, chunks and the order of all sums are those of attention.cu. A block has four warps with 16 of its 64 rows each: rows of the tile that it makes
 * results for, against the 64 columns of the tile that passes. So scores come out of one product as the next one takes them, without
 * leaving registers. Published as FlashAttention-2 (Dao 2023), here without overlapping copies.
 */
#include "tensor/cuda/attention.h"
#include "tensor/cuda/mma.h"

constexpr int WARPS = 4, THREADS = 32 * WARPS;

/* A row of a tile in shared memory: 8 more than W, so that the rows of a small matrix lie in different banks. */
template <int W> struct tile { tl_bf16 at[TILE * (W + 8)]; };

/* Rows [0, n), columns [0, w) of a row-major matrix; the rest of 64 x W is zero. whole: every 8 columns lie at a multiple of 16 bytes. */
template <int W> __device__ static inline void
load(tile<W> *to, const tl_bf16 *x, int64_t ld, int64_t n, int64_t w, bool whole)
{
	for (int i = threadIdx.x; i < TILE * W / 8; i += THREADS) {
		int row = i / (W / 8), column = i % (W / 8) * 8;
		tl_bf16 *p = to->at + row * (W + 8) + column;
		const tl_bf16 *from = x + row * ld + column;
		uint4 eight = { 0, 0, 0, 0 };

		if (whole && row < n && column < w) {
			eight = *(const uint4 *)from;
			tl_moved(16, 0);
		}
		*(uint4 *)p = eight;
		for (int k = 0; !whole && k < 8 && row < n && column + k < w; k++) {
			p[k] = from[k];
			tl_moved(2, 0);
		}
	}
}

/* s [16, 64] += this warp's 16 rows of x times the 64 rows of y, turned. */
template <int W> __device__ static inline void
scores(float s[8][4], const tile<W> *x, const tile<W> *y)
{
	int warp = threadIdx.x / 32, lane = threadIdx.x % 32;

#pragma unroll
	for (int k = 0; k < W; k += 16) {
		unsigned a[4], b[4];
		tl_load_matrices<false>(a, x->at + (16 * warp + lane % 16) * (W + 8) + k + 8 * (lane / 16));
#pragma unroll
		for (int n = 0; n < TILE; n += 16) {
			tl_load_matrices<false>(b, y->at + (n + lane / 16 * 8 + lane % 8) * (W + 8) + k + lane / 8 % 2 * 8);
			tl_mma(s[n / 8], a, b[0], b[1]);
			tl_mma(s[n / 8 + 1], a, b[2], b[3]);
		}
	}
}

/* sum [16, W] += p [16, 64], rounded, times x [64, W]. */
template <int W> __device__ static inline void
add_rows(float sum[W / 8][4], const float p[8][4], const tile<W> *x)
{
	int lane = threadIdx.x % 32;

#pragma unroll
	for (int k = 0; k < TILE; k += 16) {
		const float *left = p[k / 8], *right = p[k / 8 + 1];
		unsigned b[4], a[4] = { tl_two_bf16(left[0], left[1]), tl_two_bf16(left[2], left[3]), tl_two_bf16(right[0], right[1]), tl_two_bf16(right[2], right[3]) };
#pragma unroll
		for (int n = 0; n < W; n += 16) {
			tl_load_matrices<true>(b, x->at + (k + lane % 16) * (W + 8) + n + lane / 16 * 8);
			tl_mma(sum[n / 8], a, b[0], b[1]);
			tl_mma(sum[n / 8 + 1], a, b[2], b[3]);
		}
	}
}

template <int N> __device__ static inline void
clear(float s[N][4])
{
#pragma unroll
	for (int n = 0; n < N; n++)
		for (int i = 0; i < 4; i++)
			s[n][i] = 0;
}

/* Of what a lane holds of [16, 8]: element i lies in this row and column. */
__device__ static inline int row_of(int i) { return threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4 + i / 2 * 8; }
__device__ static inline int column_of(int n, int i) { return 8 * n + threadIdx.x % 4 * 2 + i % 2; }

__device__ static inline float
sum_of_4(float v)
{
	v += __shfl_xor_sync(0xffffffffu, v, 1);
	return v + __shfl_xor_sync(0xffffffffu, v, 2);
}

__device__ static inline float
most_of_4(float v)
{
	v = tl_larger(v, __shfl_xor_sync(0xffffffffu, v, 1));
	return tl_larger(v, __shfl_xor_sync(0xffffffffu, v, 2));
}

/* Dropout's number of a document's query and key. */
__device__ static inline uint64_t
element(const job &j, const part &o, int64_t query, int64_t key)
{
	return o.t.base + (uint64_t)((query * j.heads + o.head) * o.t.keys + key);
}

/* What of a head's columns is at hand: chunk by chunk the scores need all of them, the result one. */
template <int W> __device__ static inline int64_t
wide(const job &j, int64_t from)
{
	return j.width - from < W ? j.width - from : W;
}

struct input { const tl_bf16 *q, *k, *v, *g; bool whole; };

template <int W> static __global__ void __launch_bounds__(THREADS)
forward_kernel(job j, input x, float *out, tl_bf16 *half, float *lse)
{
	TL_SHARED(tile<W>, queries);
	tile<W> *keys = queries + 1, *values = queries + 2;
	part o = part_of(j);
	int64_t column = o.head * j.width, first = o.chunk * W;
	float most[2] = { -INFINITY, -INFINITY }, sum[2] = { 0, 0 }, result[W / 8][4], s[8][4]; /* a lane has two rows */

	clear<W / 8>(result);
	for (int64_t k0 = 0; k0 < o.t.keys; k0 += TILE) {
		int64_t n = o.t.keys - k0 < TILE ? o.t.keys - k0 : TILE, at = (o.t.k0 + k0) * j.d + column;
		clear<8>(s);
		for (int64_t from = 0; from < j.width; from += W) {
			__syncthreads();
			if (!k0 || j.chunks > 1)
				load<W>(queries, x.q + (o.t.q0 + o.t.at) * j.d + column + from, j.d, o.t.n, wide<W>(j, from), x.whole);
			load<W>(keys, x.k + at + from, j.d, n, wide<W>(j, from), x.whole);
			if (!from)
				load<W>(values, x.v + at + first, j.d, n, wide<W>(j, first), x.whole);
			__syncthreads();
			scores<W>(s, queries, keys);
		}
#pragma unroll
		for (int r = 0; r < 2; r++) {
			float before = most[r], here = -INFINITY, total = 0;
#pragma unroll
			for (int m = 0; m < 8; m++)
				for (int i = 2 * r; i < 2 * r + 2; i++) {
					s[m][i] = column_of(m, i) < n ? s[m][i] * j.scale : -INFINITY;
					here = tl_larger(here, s[m][i]);
				}
			most[r] = tl_larger(most_of_4(here), before);
			before = expf(before - most[r]);
#pragma unroll
			for (int m = 0; m < 8; m++)
				for (int i = 2 * r; i < 2 * r + 2; i++) {
					s[m][i] = expf(s[m][i] - most[r]);
					total += s[m][i];
				}
			sum[r] = sum[r] * before + sum_of_4(total);
#pragma unroll
			for (int m = 0; m < W / 8; m++)
				for (int i = 2 * r; i < 2 * r + 2; i++)
					result[m][i] *= before;
		}
		if (j.drop.threshold)
#pragma unroll
			for (int m = 0; m < 8; m++)
				for (int i = 0; i < 4; i++)
					s[m][i] *= tl_drop_factor(j.drop, element(j, o, o.t.at + row_of(i), k0 + column_of(m, i)));
		add_rows<W>(result, s, values);
	}
#pragma unroll
	for (int m = 0; m < W / 8; m++)
		for (int i = 0; i < 4; i++) {
			int64_t at = (o.t.q0 + o.t.at + row_of(i)) * j.d + column + first + column_of(m, i);
			float value = o.t.keys ? result[m][i] / sum[i / 2] : 0;
			if (row_of(i) >= o.t.n || column_of(m, i) >= wide<W>(j, first))
				continue;
			tl_set(out, at, value);
			if (half)
				tl_set(half, at, value);
		}
	for (int r = 0; r < 2; r++)
		if (threadIdx.x % 4 == 0 && !o.chunk && row_of(2 * r) < o.t.n)
			lse[(o.t.q0 + o.t.at + row_of(2 * r)) * j.heads + o.head] = o.t.keys ? most[r] + logf(sum[r]) : 0;
}

/* From scores s and gradients ds of the weights: the weights times their dropout factor, and the gradients of the scores. The n rows that pass begin at p0. */
template <bool of_keys> __device__ static inline void
weights(float s[8][4], float ds[8][4], const job &j, const part &o, int64_t p0, int64_t n, const float *lse, const float *dots)
{
#pragma unroll
	for (int m = 0; m < 8; m++)
		for (int i = 0; i < 4; i++) {
			int64_t row = o.t.at + row_of(i), other = p0 + column_of(m, i), query = of_keys ? other : row, end = (o.t.q0 + query) * j.heads + o.head;
			bool there = row_of(i) < o.t.n && column_of(m, i) < n;
			float weight = there ? expf(s[m][i] * j.scale - lse[end]) : 0, f = tl_drop_factor(j.drop, element(j, o, query, of_keys ? row : other));
			ds[m][i] = weight * (f * ds[m][i] - (there ? dots[end] : 0)) * j.scale;
			s[m][i] = weight * f;
		}
}

/*
 * Gradients for a tile of keys (to: of keys, to_values: of values) that all queries pass, or for a tile of queries (to) that all keys pass. Scores are the products of
 * queries and keys, the weights' gradients those of the result's gradient and values: rows on one side, what passes on the other.
 */
template <int W, bool of_keys> static __global__ void __launch_bounds__(THREADS)
backward_kernel(job j, input x, const float *lse, const float *dots, float *to, bool fresh, float *to_values, bool fresh_values)
{
	TL_SHARED(tile<W>, rows);
	tile<W> *rows2 = rows + 1, *passing = rows + 2, *passing2 = rows + 3;
	part o = part_of(j);
	const tl_bf16 *of_rows = of_keys ? x.k : x.q, *of_rows2 = of_keys ? x.v : x.g, *of_passing = of_keys ? x.q : x.k, *of_passing2 = of_keys ? x.g : x.v;
	int64_t column = o.head * j.width, first = o.chunk * W, row0 = (of_keys ? o.t.k0 : o.t.q0) + o.t.at, passing0 = of_keys ? o.t.q0 : o.t.k0, all = of_keys ? o.t.queries : o.t.keys;
	float sum[W / 8][4], sum_values[W / 8][4], s[8][4], ds[8][4];

	clear<W / 8>(sum);
	clear<W / 8>(sum_values);
	for (int64_t p0 = 0; p0 < all; p0 += TILE) {
		int64_t n = all - p0 < TILE ? all - p0 : TILE, at = (passing0 + p0) * j.d + column;
		clear<8>(s);
		clear<8>(ds);
		for (int64_t from = 0; from < j.width; from += W) {
			int64_t w = wide<W>(j, from);
			__syncthreads();
			if (!p0 || j.chunks > 1) {
				load<W>(rows, of_rows + row0 * j.d + column + from, j.d, o.t.n, w, x.whole);
				load<W>(rows2, of_rows2 + row0 * j.d + column + from, j.d, o.t.n, w, x.whole);
			}
			load<W>(passing, of_passing + at + from, j.d, n, w, x.whole);
			load<W>(passing2, of_passing2 + at + from, j.d, n, w, x.whole);
			__syncthreads();
			scores<W>(s, rows, passing);
			scores<W>(ds, rows2, passing2);
		}
		weights<of_keys>(s, ds, j, o, p0, n, lse, dots);
		if (j.chunks > 1) { /* the last chunk is there; wanted is this block's */
			__syncthreads();
			load<W>(passing, of_passing + at + first, j.d, n, wide<W>(j, first), x.whole);
			if (of_keys)
				load<W>(passing2, of_passing2 + at + first, j.d, n, wide<W>(j, first), x.whole);
			__syncthreads();
		}
		if (of_keys)
			add_rows<W>(sum_values, s, passing2);
		add_rows<W>(sum, ds, passing);
	}
#pragma unroll
	for (int m = 0; m < W / 8; m++)
		for (int i = 0; i < 4; i++) {
			int64_t at = (row0 + row_of(i)) * j.d + column + first + column_of(m, i);
			if (row_of(i) >= o.t.n || column_of(m, i) >= wide<W>(j, first))
				continue;
			if (to)
				tl_add_to(to, at, sum[m][i], fresh);
			if (of_keys && to_values)
				tl_add_to(to_values, at, sum_values[m][i], fresh_values);
		}
}

/* --- the host's side --- */

static bool
input_of(tl_op_call *c, const job &j, input *x)
{
	int64_t n = c->in[0].count, keys = c->in[2].count;

	*x = input{ (const tl_bf16 *)tl_op_half(c, (const float *)c->in[0].data, n), (const tl_bf16 *)tl_op_half(c, (const float *)c->in[2].data, keys),
		(const tl_bf16 *)tl_op_half(c, (const float *)c->in[3].data, keys), c->grad_in ? (const tl_bf16 *)tl_op_half(c, (const float *)c->grad_out, n) : NULL, false };
	x->whole = !(((uintptr_t)x->q | (uintptr_t)x->k | (uintptr_t)x->v | (uintptr_t)x->g) % 16) && j.d % 8 == 0 && j.width % 8 == 0;
	return x->q && x->k && x->v && (x->g || !c->grad_in);
}

template <int W> static int
forward(tl_op_call *c, job j, int64_t n)
{
	input x;

	if (!input_of(c, j, &x))
		return -1;
	TL_LAUNCH(forward_kernel<W>, dim3((unsigned)(n * j.heads * j.chunks)), dim3(THREADS), 3 * sizeof(tile<W>), c, j, x, (float *)c->out.data, (tl_bf16 *)tl_op_half_out(c, false),
	          (float *)c->saved[0].data);
	return tl_launched(c);
}

template <int W> static int
backward(tl_op_call *c, job j, const task *of_keys, int64_t n_keys, const task *of_queries, int64_t n_queries, const float *dots)
{
	const float *lse = (const float *)c->saved[0].data;
	float *dq = (float *)c->grad_in[0], *dk = (float *)c->grad_in[2], *dv = (float *)c->grad_in[3];
	input x;

	if (!input_of(c, j, &x))
		return -1;
	j.tasks = of_keys;
	if (dk || dv)
		TL_LAUNCH((backward_kernel<W, true>), dim3((unsigned)(n_keys * j.heads * j.chunks)), dim3(THREADS), 4 * sizeof(tile<W>), c, j, x, lse, dots, dk, c->grad_fresh[2], dv, c->grad_fresh[3]);
	j.tasks = of_queries;
	if (dq)
		TL_LAUNCH((backward_kernel<W, false>), dim3((unsigned)(n_queries * j.heads * j.chunks)), dim3(THREADS), 4 * sizeof(tile<W>), c, j, x, lse, dots, dq, c->grad_fresh[0], (float *)NULL, true);
	return tl_launched(c);
}

int
tl_attention_bf16(tl_op_call *c, job j, int64_t n)
{
	return j.width <= 32 ? forward<32>(c, j, n) : forward<64>(c, j, n);
}

int
tl_attention_bf16_back(tl_op_call *c, job j, const task *of_keys, int64_t n_keys, const task *of_queries, int64_t n_queries, const float *dots)
{
	return j.width <= 32 ? backward<32>(c, j, of_keys, n_keys, of_queries, n_queries, dots) : backward<64>(c, j, of_keys, n_keys, of_queries, n_queries, dots);
}
