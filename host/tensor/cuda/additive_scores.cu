/*
 * additive_scores.cu - v . tanh(label_l + text_t) for every token t and label l (additive attention), [T, L] from [T, a] and [L, a] or
 * [B, L, a]; the [T, L, a] in between is never stored and is computed twice more in the backward: once for the tokens' gradients (and v's), once
 * for the labels'. Tokens come in tasks: 32 of one document, or of all where the documents share their labels.
 * Launches: forward 1; backward 1 for tokens and 2 for v, 1 or 2 for labels.
 */
#include "tensor/cuda/cuda.h"

#include <stdlib.h>

constexpr int SIDE = 32, DEPTH = 32, EACH = 4, THREADS = 256; /* tokens and labels of a tile; elements of a at a time; rows of a thread */

struct task { int64_t label; int32_t from, n; }; /* n tokens from `from` on; their labels' first row */
struct job { const task *tasks; int64_t n_tasks, l, a; };

/* 1 - 2 / (e^2x + 1): as exact as tanh where it is added to others, and right where e^2x is 0 or infinite */
__device__ static inline float
tangent(float x)
{
	return 1 - 2 / (expf(2 * x) + 1);
}

/* A tile of 32 tokens x 32 labels; a thread has a label and every eighth token. */
template <class T> static __global__ void __launch_bounds__(THREADS)
forward_kernel(job j, const T *text, const T *label, const T *v, T *out)
{
	__shared__ float x[SIDE][DEPTH + 1], y[SIDE][DEPTH + 1], by[DEPTH];
	int64_t across = (j.l + SIDE - 1) / SIDE, l0 = blockIdx.x % across * SIDE;
	task t = j.tasks[blockIdx.x / across];
	int lane = threadIdx.x % 32, row = threadIdx.x / 32;
	float sum[EACH] = { 0, 0, 0, 0 };

	for (int64_t k0 = 0; k0 < j.a; k0 += DEPTH) {
		int64_t k = k0 + lane;
		__syncthreads();
		for (int i = row; i < SIDE; i += 8) {
			x[i][lane] = i < t.n && k < j.a ? tl_get(text, (t.from + i) * j.a + k) : 0;
			y[i][lane] = l0 + i < j.l && k < j.a ? tl_get(label, (t.label + l0 + i) * j.a + k) : 0;
		}
		if (!row)
			by[lane] = k < j.a ? tl_get(v, k) : 0;
		__syncthreads();
		for (int e = 0; e < DEPTH; e++)
			for (int i = 0; i < EACH; i++)
				sum[i] += by[e] * tangent(x[row + 8 * i][e] + y[lane][e]);
	}
	for (int i = 0; i < EACH; i++)
		if (row + 8 * i < t.n && l0 + lane < j.l)
			tl_set(out, (t.from + row + 8 * i) * j.l + l0 + lane, sum[i]);
}

/* 32 tokens x 32 elements of a; a thread has an element and four tokens. dv [tasks, a]: the tokens' part of v's gradient. */
template <class T> static __global__ void __launch_bounds__(THREADS)
text_kernel(job j, const T *text, const T *label, const T *v, const T *g, T *gx, bool fresh, float *dv)
{
	__shared__ float of[SIDE][SIDE + 1], part[8][32]; /* g: [token][label] */
	int64_t across = (j.a + DEPTH - 1) / DEPTH, of_task = blockIdx.x / across, k = blockIdx.x % across * DEPTH + threadIdx.x % 32;
	task t = j.tasks[of_task];
	int lane = threadIdx.x % 32, row = threadIdx.x / 32;
	float x[EACH], sum[EACH] = { 0, 0, 0, 0 }, of_v = 0, by = k < j.a ? tl_get(v, k) : 0;

	for (int i = 0; i < EACH; i++)
		x[i] = row + 8 * i < t.n && k < j.a ? tl_get(text, (t.from + row + 8 * i) * j.a + k) : 0;
	for (int64_t l0 = 0; l0 < j.l; l0 += SIDE) {
		int n = (int)(j.l - l0 < SIDE ? j.l - l0 : SIDE);
		__syncthreads();
		for (int i = row; i < SIDE; i += 8)
			of[i][lane] = i < t.n && lane < n ? tl_get(g, (t.from + i) * j.l + l0 + lane) : 0;
		__syncthreads();
		for (int l = 0; l < n && k < j.a; l++) {
			float y = tl_get(label, (t.label + l0 + l) * j.a + k);
			for (int i = 0; i < EACH; i++) {
				float h = tangent(x[i] + y), gl = of[row + 8 * i][l];
				sum[i] += gl * (1 - h * h);
				of_v += gl * h;
			}
		}
	}
	for (int i = 0; gx && i < EACH; i++)
		if (row + 8 * i < t.n && k < j.a)
			tl_add_to(gx, (t.from + row + 8 * i) * j.a + k, by * sum[i], fresh);
	part[row][lane] = of_v;
	__syncthreads();
	if (row || k >= j.a)
		return;
	for (int i = 1; i < 8; i++)
		of_v += part[i][lane];
	dv[of_task * j.a + k] = of_v;
}

/*
 * 32 labels x 32 elements of a; a thread has an element and four labels, and goes over tokens. Shared labels: piece p of `pieces` goes over
 * its share of all tokens, and writes to part [pieces, L, a]. Labels of a document (pieces = 0): over its tokens, and the sum goes to its place.
 */
template <class T> static __global__ void __launch_bounds__(THREADS)
label_kernel(job j, const int32_t *at, int64_t tokens, int64_t pieces, const T *text, const T *label, const T *v, const T *g, T *gy, bool fresh, float *part)
{
	__shared__ float of[SIDE][SIDE + 1]; /* g: [token][label] */
	int64_t across = (j.a + DEPTH - 1) / DEPTH, down = (j.l + SIDE - 1) / SIDE, b = blockIdx.x / across;
	int64_t k = blockIdx.x % across * DEPTH + threadIdx.x % 32, l0 = b % down * SIDE, which = b / down;
	int64_t a_piece = pieces ? (tokens + pieces - 1) / pieces : 0, from = pieces ? which * a_piece : at[which], to = pieces ? from + a_piece : at[which + 1];
	int64_t first = (pieces ? 0 : which * j.l) + l0;
	int lane = threadIdx.x % 32, row = threadIdx.x / 32;
	float y[EACH], sum[EACH] = { 0, 0, 0, 0 }, by = k < j.a ? tl_get(v, k) : 0;

	to = to < tokens ? to : tokens;
	for (int i = 0; i < EACH; i++)
		y[i] = l0 + row + 8 * i < j.l && k < j.a ? tl_get(label, (first + row + 8 * i) * j.a + k) : 0;
	for (int64_t t0 = from; t0 < to; t0 += SIDE) {
		int n = (int)(to - t0 < SIDE ? to - t0 : SIDE);
		__syncthreads();
		for (int i = row; i < n; i += 8)
			of[i][lane] = l0 + lane < j.l ? tl_get(g, (t0 + i) * j.l + l0 + lane) : 0;
		__syncthreads();
		for (int t = 0; t < n && k < j.a; t++) {
			float x = tl_get(text, (t0 + t) * j.a + k);
			for (int i = 0; i < EACH; i++) {
				float h = tangent(x + y[i]);
				sum[i] += of[t][row + 8 * i] * (1 - h * h);
			}
		}
	}
	for (int i = 0; i < EACH; i++)
		if (l0 + row + 8 * i < j.l && k < j.a) {
			if (pieces)
				part[(which * j.l + l0 + row + 8 * i) * j.a + k] = by * sum[i];
			else
				tl_add_to(gy, (first + row + 8 * i) * j.a + k, by * sum[i], fresh);
		}
}

/* Tasks of 32 tokens on the device. */
static int
prepare(tl_op_call *c, job *j)
{
	const tl_view *label = &c->in[2];
	const int32_t *at = tl_op_ints(c, 1), all[2] = { 0, (int32_t)c->in[0].dim[0] };
	int64_t documents = c->in[1].count - 1;
	task *list;

	*j = job{ NULL, 0, label->dim[label->rank - 2], c->in[0].dim[1] };
	if (tl_check_offsets(c, 1, c->in[0].dim[0]))
		return -1;
	if (!at)
		return tl_op_refuse(c, "the offsets were computed on the device; wanted offsets that the host knows");
	if (label->rank == 2)
		at = all, documents = 1;
	list = (task *)malloc((size_t)(documents + c->in[0].dim[0] / SIDE + 1) * sizeof *list);
	for (int64_t i = 0; i < documents; i++)
		for (int32_t from = at[i]; from < at[i + 1]; from += SIDE)
			list[j->n_tasks++] = task{ i * j->l, from, at[i + 1] - from < SIDE ? at[i + 1] - from : SIDE };
	j->tasks = (const task *)tl_upload(c->ctx, list, (size_t)j->n_tasks * sizeof *list);
	free(list);
	return j->tasks ? 0 : -1;
}

template <class T> static int
forward(tl_op_call *c)
{
	job j;

	if (prepare(c, &j))
		return -1;
	TL_LAUNCH(forward_kernel<T>, dim3((unsigned)(j.n_tasks * ((j.l + SIDE - 1) / SIDE))), dim3(THREADS), 0, c, j, (const T *)c->in[0].data, (const T *)c->in[2].data, (const T *)c->in[3].data, (T *)c->out.data);
	return tl_launched(c);
}

/* The labels' gradient. Shared labels: tokens are cut into as many pieces as keep a device at work, 64 at most. */
template <class T> static int
label_gradient(tl_op_call *c, const job &j)
{
	constexpr int64_t ENOUGH = 1024, MOST = 64;
	T *gy = (T *)c->grad_in[2];
	bool fresh = c->grad_fresh[2];
	int64_t tiles = (j.a + DEPTH - 1) / DEPTH * ((j.l + SIDE - 1) / SIDE), tokens = c->in[0].dim[0], pieces = 0, n = j.l * j.a;
	float *part = NULL;

	if (c->in[2].rank == 2) {
		pieces = tiles ? (ENOUGH + tiles - 1) / tiles : 1;
		pieces = pieces < MOST ? pieces : MOST;
		if (pieces * SIDE > tokens)
			pieces = tokens > SIDE ? tokens / SIDE : 1;
		if (!(part = (float *)tl_scratch(c->ctx, (size_t)(pieces * n) * sizeof *part)))
			return -1;
	}
	TL_LAUNCH(label_kernel<T>, dim3((unsigned)(tiles * (pieces ? pieces : c->in[2].dim[0]))), dim3(THREADS), 0, c, j, (const int32_t *)c->in[1].data, tokens, pieces, (const T *)c->in[0].data,
	          (const T *)c->in[2].data, (const T *)c->in[3].data, (const T *)c->grad_out, gy, fresh, part);
	return tl_each(c, pieces ? n : 0, [=] __device__ (int64_t i) {
		float sum = 0;
		for (int64_t p = 0; p < pieces; p++)
			sum += part[p * n + i];
		tl_add_to(gy, i, sum, fresh);
	});
}

template <class T> static int
backward(tl_op_call *c)
{
	bool fresh = c->grad_fresh[0];
	float *dv;
	job j;

	if (prepare(c, &j))
		return -1;
	if (c->grad_in[0] || c->grad_in[3]) {
		if (!(dv = (float *)tl_scratch(c->ctx, (size_t)(j.n_tasks * j.a) * sizeof *dv)))
			return -1;
		TL_LAUNCH(text_kernel<T>, dim3((unsigned)(j.n_tasks * ((j.a + DEPTH - 1) / DEPTH))), dim3(THREADS), 0, c, j, (const T *)c->in[0].data, (const T *)c->in[2].data, (const T *)c->in[3].data,
		          (const T *)c->grad_out, (T *)c->grad_in[0], fresh, dv);
		if (c->grad_in[3] && tl_column_sums(c, j.n_tasks, j.a, dv, (const float *)NULL, (T *)c->grad_in[3], c->grad_fresh[3]))
			return -1;
	}
	return c->grad_in[2] ? label_gradient<T>(c, j) : tl_launched(c);
}

TL_CUDA_OP(additive_scores)
