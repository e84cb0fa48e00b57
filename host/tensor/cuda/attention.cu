/*
 * attention.cu - packed multi-head attention in tiles of 64 queries by 64 keys; the weights are never stored. A block keeps the running
 * maximum and sum of its queries (the softmax is made as the keys go by); kept for the backward is the logarithm of the softmax's
 * denominator, one number a query and head, from which the weights are made again. The backward makes the gradients of keys and values with
 * a block for each tile of keys, and those of queries with a block for each tile of queries, so that nothing is added from two places.
 * Heads wider than one chunk (64) are worked on chunk by chunk: a block then makes one chunk of the result from all chunks of the scores.
 * Here all products are float; with precision = "bf16" they are those of attention_bf16.cu.
 */
#include "tensor/cuda/attention.h"

/* 64 x 64 scores for 16 x 16 threads, 4 x 4 each; a row in shared memory is 68 numbers long, so that columns lie in different banks. */
constexpr int LINE = 68, BUFFER = TILE * LINE;

/* to[column][row] = x[row][column] for rows [0, n) and columns [0, w) of a row-major matrix; the rest of 64 x W is zero. */
template <class T, int W> __device__ static inline void
load_turned(float *to, const T *x, int64_t ld, int64_t n, int64_t w)
{
	for (int i = threadIdx.x; i < TILE * W; i += 256) {
		int row = i / W, column = i % W;
		to[column * LINE + row] = row < n && column < w ? tl_get(x, row * ld + column) : 0;
	}
}
template <class T, int W> __device__ static inline void
load_straight(float *to, const T *x, int64_t ld, int64_t n, int64_t w)
{
	for (int i = threadIdx.x; i < TILE * W; i += 256) {
		int row = i / W, column = i % W;
		to[row * LINE + column] = row < n && column < w ? tl_get(x, row * ld + column) : 0;
	}
}

/* N numbers that are read at once. */
template <int N> struct vector;
template <> struct vector<2> { typedef float2 type; };
template <> struct vector<4> { typedef float4 type; };

/* sum[r][c] += sum over k of a[k][4 ty + r] b[k][N tx + c] */
template <int N> __device__ static inline void
multiply(float sum[4][N], const float *a, const float *b, int depth)
{
	int ty = threadIdx.x / 16, tx = threadIdx.x % 16;

#pragma unroll 4
	for (int k = 0; k < depth; k++) {
		float4 x = *(const float4 *)(a + k * LINE + 4 * ty);
		typename vector<N>::type y = *(const typename vector<N>::type *)(b + k * LINE + N * tx);
		const float u[4] = { x.x, x.y, x.z, x.w }, *v = (const float *)&y;
		for (int c = 0; c < N; c++)
			for (int r = 0; r < 4; r++)
				sum[r][c] += u[r] * v[c];
	}
}

/* s[r][c] = x_r . y_c over the whole width of a head, for 64 rows of x and of y. Barriers before and after. */
template <class T, int W> __device__ static inline void
scores(float s[4][4], float *a, float *b, const T *x, int64_t nx, const T *y, int64_t ny, const job &j)
{
	for (int r = 0; r < 4; r++)
		for (int c = 0; c < 4; c++)
			s[r][c] = 0;
	for (int64_t from = 0; from < j.width; from += W) {
		int64_t w = j.width - from < W ? j.width - from : W;
		__syncthreads();
		load_turned<T, W>(a, x + from, j.d, nx, w);
		load_turned<T, W>(b, y + from, j.d, ny, w);
		__syncthreads();
		multiply<4>(s, a, b, (int)w);
	}
	__syncthreads();
}

/* Dropout factors of the elements from e0 on, which lie in one block of eight or in two. */
__device__ static inline void
factors(const tl_drop &d, uint64_t e0, float f[4])
{
	uint32_t word[4] = { 0, 0, 0, 0 }, next[4] = { 0, 0, 0, 0 };

	if (d.threshold)
		tl_philox_block(d.key, d.step, e0 / 8, word);
	if (d.threshold && e0 % 8 > 4)
		tl_philox_block(d.key, d.step, e0 / 8 + 1, next);
#pragma unroll
	for (int c = 0; c < 4; c++) {
		bool first = e0 % 8 + c < 8;
		uint32_t of[4] = { first ? word[0] : next[0], first ? word[1] : next[1], first ? word[2] : next[2], first ? word[3] : next[3] };
		f[c] = tl_drop_of_words(d, of, e0 + c);
	}
}

__device__ static inline float
sum_of_16(float v)
{
	for (int by = 8; by; by >>= 1)
		v += __shfl_xor_sync(0xffffffffu, v, by);
	return v;
}

__device__ static inline float
most_of_16(float v)
{
	for (int by = 8; by; by >>= 1)
		v = tl_larger(v, __shfl_xor_sync(0xffffffffu, v, by));
	return v;
}

template <class T, int W> static __global__ void __launch_bounds__(256)
forward_kernel(job j, const T *q, const T *k, const T *v, T *out, float *lse)
{
	TL_SHARED(float, a);
	float *b = a + BUFFER, *p = b + BUFFER;
	part o = part_of(j);
	const int N = W / 16;
	int ty = threadIdx.x / 16, tx = threadIdx.x % 16;
	int64_t column = o.head * j.width, first = o.chunk * W, wide = j.width - first < W ? j.width - first : W;
	float most[4], sum[4], result[4][N], s[4][4];

	for (int r = 0; r < 4; r++) {
		most[r] = -INFINITY;
		sum[r] = 0;
		for (int c = 0; c < N; c++)
			result[r][c] = 0;
	}
	q += (o.t.q0 + o.t.at) * j.d + column;
	for (int64_t k0 = 0; k0 < o.t.keys; k0 += TILE) {
		int64_t n = o.t.keys - k0 < TILE ? o.t.keys - k0 : TILE;
		scores<T, W>(s, a, b, q, o.t.n, k + (o.t.k0 + k0) * j.d + column, n, j);
#pragma unroll
		for (int r = 0; r < 4; r++) {
			float before = most[r], here = -INFINITY, f[4], total = 0;
			for (int c = 0; c < 4; c++) {
				s[r][c] = 4 * tx + c < n ? s[r][c] * j.scale : -INFINITY;
				here = tl_larger(here, s[r][c]);
			}
			most[r] = tl_larger(most_of_16(here), before);
			before = expf(before - most[r]);
			factors(j.drop, o.t.base + (uint64_t)(((o.t.at + 4 * ty + r) * j.heads + o.head) * o.t.keys + k0 + 4 * tx), f);
			for (int c = 0; c < 4; c++) {
				float weight = expf(s[r][c] - most[r]);
				total += weight;
				p[(4 * tx + c) * LINE + 4 * ty + r] = weight * f[c];
			}
			sum[r] = sum[r] * before + sum_of_16(total);
			for (int c = 0; c < N; c++)
				result[r][c] *= before;
		}
		load_straight<T, W>(b, v + (o.t.k0 + k0) * j.d + column + first, j.d, n, wide);
		__syncthreads();
		multiply<N>(result, p, b, (int)n);
	}
	for (int r = 0; r < 4; r++) {
		int64_t row = 4 * ty + r;
		if (row >= o.t.n)
			continue;
		for (int c = 0; c < N; c++)
			if (N * tx + c < wide)
				tl_set(out, (o.t.q0 + o.t.at + row) * j.d + column + first + N * tx + c, o.t.keys ? result[r][c] / sum[r] : 0);
		if (!tx && !o.chunk)
			lse[(o.t.q0 + o.t.at + row) * j.heads + o.head] = o.t.keys ? most[r] + logf(sum[r]) : 0;
	}
}

/* --- backward --- */

/* Weights s and their gradients ds of a tile of queries (rows, 4 ty) and keys (columns, 4 tx); s gets the dropout factor. */
template <class T, int W> __device__ static inline void
weights(float s[4][4], float ds[4][4], float *a, float *b, const job &j, const task &t, int64_t head, const T *q, const T *g, int64_t i0, int64_t queries, const T *k, const T *v, int64_t k0,
        int64_t keys, const float *lse, const float *dots)
{
	int ty = threadIdx.x / 16, tx = threadIdx.x % 16;
	int64_t at_q = (t.q0 + i0) * j.d + head * j.width, at_k = (t.k0 + k0) * j.d + head * j.width;

	scores<T, W>(s, a, b, q + at_q, queries, k + at_k, keys, j);
	scores<T, W>(ds, a, b, g + at_q, queries, v + at_k, keys, j);
#pragma unroll
	for (int r = 0; r < 4; r++) {
		int64_t i = i0 + 4 * ty + r, row = (t.q0 + i) * j.heads + head;
		bool there = 4 * ty + r < queries;
		float f[4], end = there ? lse[row] : 0, dot = there ? dots[row] : 0;
		factors(j.drop, t.base + (uint64_t)((i * j.heads + head) * t.keys + k0 + 4 * tx), f);
		for (int c = 0; c < 4; c++) {
			float weight = there && 4 * tx + c < keys ? expf(s[r][c] * j.scale - end) : 0;
			ds[r][c] = weight * (f[c] * ds[r][c] - dot) * j.scale;
			s[r][c] = weight * f[c];
		}
	}
}

template <class T, int W> static __global__ void __launch_bounds__(256)
keys_kernel(job j, const T *q, const T *k, const T *v, const T *g, const float *lse, const float *dots, T *dk, bool fresh_k, T *dv, bool fresh_v)
{
	TL_SHARED(float, a);
	float *b = a + BUFFER, *p = b + BUFFER;
	part o = part_of(j);
	const int N = W / 16;
	int ty = threadIdx.x / 16, tx = threadIdx.x % 16;
	int64_t first = o.chunk * W, wide = j.width - first < W ? j.width - first : W, column = o.head * j.width + first;
	float of_k[4][N], of_v[4][N], s[4][4], ds[4][4];

	for (int r = 0; r < 4; r++)
		for (int c = 0; c < N; c++)
			of_k[r][c] = of_v[r][c] = 0;
	for (int64_t i0 = 0; i0 < o.t.queries; i0 += TILE) {
		int64_t n = o.t.queries - i0 < TILE ? o.t.queries - i0 : TILE;
		weights<T, W>(s, ds, a, b, j, o.t, o.head, q, g, i0, n, k, v, o.t.at, o.t.n, lse, dots);
		for (int r = 0; r < 4; r++)
			for (int c = 0; c < 4; c++) { /* [query][key]; the scores' last barrier is passed */
				p[(4 * ty + r) * LINE + 4 * tx + c] = s[r][c];
				s[r][c] = ds[r][c];
			}
		load_straight<T, W>(a, g + (o.t.q0 + i0) * j.d + column, j.d, n, wide);
		load_straight<T, W>(b, q + (o.t.q0 + i0) * j.d + column, j.d, n, wide);
		__syncthreads();
		multiply<N>(of_v, p, a, (int)n);
		__syncthreads();
		for (int r = 0; r < 4; r++)
			for (int c = 0; c < 4; c++)
				p[(4 * ty + r) * LINE + 4 * tx + c] = s[r][c];
		__syncthreads();
		multiply<N>(of_k, p, b, (int)n);
	}
	for (int r = 0; r < 4; r++)
		for (int c = 0; c < N; c++) {
			int64_t row = 4 * ty + r, at = (o.t.k0 + o.t.at + row) * j.d + column + N * tx + c;
			if (row >= o.t.n || N * tx + c >= wide)
				continue;
			if (dk)
				tl_add_to(dk, at, of_k[r][c], fresh_k);
			if (dv)
				tl_add_to(dv, at, of_v[r][c], fresh_v);
		}
}

template <class T, int W> static __global__ void __launch_bounds__(256)
queries_kernel(job j, const T *q, const T *k, const T *v, const T *g, const float *lse, const float *dots, T *dq, bool fresh)
{
	TL_SHARED(float, a);
	float *b = a + BUFFER, *p = b + BUFFER;
	part o = part_of(j);
	const int N = W / 16;
	int ty = threadIdx.x / 16, tx = threadIdx.x % 16;
	int64_t first = o.chunk * W, wide = j.width - first < W ? j.width - first : W, column = o.head * j.width + first;
	float result[4][N], s[4][4], ds[4][4];

	for (int r = 0; r < 4; r++)
		for (int c = 0; c < N; c++)
			result[r][c] = 0;
	for (int64_t k0 = 0; k0 < o.t.keys; k0 += TILE) {
		int64_t n = o.t.keys - k0 < TILE ? o.t.keys - k0 : TILE;
		weights<T, W>(s, ds, a, b, j, o.t, o.head, q, g, o.t.at, o.t.n, k, v, k0, n, lse, dots);
		for (int r = 0; r < 4; r++)
			for (int c = 0; c < 4; c++) /* [key][query] */
				p[(4 * tx + c) * LINE + 4 * ty + r] = ds[r][c];
		load_straight<T, W>(b, k + (o.t.k0 + k0) * j.d + column, j.d, n, wide);
		__syncthreads();
		multiply<N>(result, p, b, (int)n);
	}
	for (int r = 0; r < 4; r++)
		for (int c = 0; c < N; c++)
			if (4 * ty + r < o.t.n && N * tx + c < wide)
				tl_add_to(dq, (o.t.q0 + o.t.at + 4 * ty + r) * j.d + column + N * tx + c, result[r][c], fresh);
}

/* --- the host's side --- */

/* Tiles of the queries (or keys) of every document, on the device. NULL after an error. */
static const task *
tasks_of(tl_op_call *c, bool of_keys, int64_t *n)
{
	const int32_t *qo = tl_op_ints(c, 1), *ko = tl_op_ints(c, 4), *along = of_keys ? ko : qo;
	int64_t documents = c->in[1].count - 1, most = 0, heads = (int64_t)c->arg[0];
	uint64_t base = 0;
	task *list;

	*n = 0;
	for (int64_t b = 0; b < documents; b++)
		most += (along[b + 1] - along[b] + TILE - 1) / TILE;
	list = (task *)tl_host_scratch(c->ctx, (size_t)(most + 1) * sizeof *list);
	for (int64_t b = 0; b < documents; b++) {
		int32_t queries = qo[b + 1] - qo[b], keys = ko[b + 1] - ko[b], count = of_keys ? keys : queries;
		for (int32_t at = 0; at < count; at += TILE)
			list[(*n)++] = task{ qo[b], queries, ko[b], keys, at, count - at < TILE ? count - at : TILE, base };
		base += (uint64_t)(queries > keys ? queries : keys) * (uint64_t)heads * (uint64_t)keys;
	}
	list[*n] = task{};
	return (const task *)tl_upload(c->ctx, list, (size_t)(*n + 1) * sizeof *list);
}

static int
job_of(tl_op_call *c, job *j)
{
	*j = job{};
	if (tl_check_offsets(c, 1, c->in[0].dim[0]) || tl_check_offsets(c, 4, c->in[2].dim[0]))
		return -1;
	if (!tl_op_ints(c, 1) || !tl_op_ints(c, 4))
		return tl_op_refuse(c, "the offsets were computed on the device; wanted offsets that the host knows");
	j->d = c->in[0].dim[1];
	j->heads = (int64_t)c->arg[0];
	j->width = j->d / j->heads;
	j->chunks = j->width <= 32 ? 1 : (j->width + 63) / 64;
	j->scale = (float)(1 / sqrt((double)(j->width > 1 ? j->width : 1)));
	j->drop = tl_drop_of(c, c->arg[1]);
	return 0;
}

static bool
in_bf16(const tl_op_call *c)
{
	return tl_device_of(c->ctx)->bf16;
}

template <class T> static int
forward(tl_op_call *c)
{
	const T *q = (const T *)c->in[0].data, *k = (const T *)c->in[2].data, *v = (const T *)c->in[3].data;
	float *lse = (float *)c->saved[0].data;
	int64_t n;
	job j;

	if (job_of(c, &j) || !(j.tasks = tasks_of(c, false, &n)))
		return -1;
	if (!j.d)
		return 0;
	if (in_bf16(c))
		return tl_attention_bf16(c, j, n);
	if (j.width <= 32)
		TL_LAUNCH((forward_kernel<T, 32>), dim3((unsigned)(n * j.heads * j.chunks)), dim3(256), 3 * BUFFER * sizeof(float), c, j, q, k, v, (T *)c->out.data, lse);
	else
		TL_LAUNCH((forward_kernel<T, 64>), dim3((unsigned)(n * j.heads * j.chunks)), dim3(256), 3 * BUFFER * sizeof(float), c, j, q, k, v, (T *)c->out.data, lse);
	return tl_launched(c);
}

template <class T, int W> static void
launch_back(tl_op_call *c, job j, const task *of_keys, int64_t n_keys, const task *of_queries, int64_t n_queries, const float *dots)
{
	const T *q = (const T *)c->in[0].data, *k = (const T *)c->in[2].data, *v = (const T *)c->in[3].data, *g = (const T *)c->grad_out;
	const float *lse = (const float *)c->saved[0].data;
	T *dq = (T *)c->grad_in[0], *dk = (T *)c->grad_in[2], *dv = (T *)c->grad_in[3];
	bool fresh_k = c->grad_fresh[2], fresh_v = c->grad_fresh[3], fresh_q = c->grad_fresh[0];

	j.tasks = of_keys;
	if (dk || dv)
		TL_LAUNCH((keys_kernel<T, W>), dim3((unsigned)(n_keys * j.heads * j.chunks)), dim3(256), 3 * BUFFER * sizeof(float), c, j, q, k, v, g, lse, dots, dk, fresh_k, dv, fresh_v);
	j.tasks = of_queries;
	if (dq)
		TL_LAUNCH((queries_kernel<T, W>), dim3((unsigned)(n_queries * j.heads * j.chunks)), dim3(256), 3 * BUFFER * sizeof(float), c, j, q, k, v, g, lse, dots, dq, fresh_q);
}

template <class T> static int
backward(tl_op_call *c)
{
	const T *out = (const T *)c->out.data, *g = (const T *)c->grad_out;
	int64_t rows = c->in[0].dim[0], n_keys, n_queries;
	const task *of_keys, *of_queries;
	float *dots;
	job j;

	if (job_of(c, &j) || !(of_keys = tasks_of(c, true, &n_keys)) || !(of_queries = tasks_of(c, false, &n_queries)) || !(dots = (float *)tl_scratch(c->ctx, (size_t)(rows * j.heads) * sizeof *dots)))
		return -1;
	if (!j.d)
		return 0;
	/* The sum of weight times its gradient is the product of the result and its gradient. */
	if (tl_each_row(c, rows * j.heads, [=] __device__ (int64_t row, int lane) {
		int64_t at = row / j.heads * j.d + row % j.heads * j.width;
		float sum = 0;
		for (int64_t i = lane; i < j.width; i += 32)
			sum += tl_get(out, at + i) * tl_get(g, at + i);
		sum = tl_warp_sum(sum);
		if (!lane)
			dots[row] = sum;
	}))
		return -1;
	if (in_bf16(c))
		return tl_attention_bf16_back(c, j, of_keys, n_keys, of_queries, n_queries, dots);
	if (j.width <= 32)
		launch_back<T, 32>(c, j, of_keys, n_keys, of_queries, n_queries, dots);
	else
		launch_back<T, 64>(c, j, of_keys, n_keys, of_queries, n_queries, dots);
	return tl_launched(c);
}

TL_CUDA_PRODUCTS(attention, 1 << 0 | 1 << 2 | 1 << 3, in_bf16)
