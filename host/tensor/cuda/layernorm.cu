/*
 * layernorm.cu - gain * normalise(residual + dropout(x, p)) + bias over the last axis. A warp has a row, which lies in shared memory while it
 * is worked on, or, where it is too wide for that, in scratch memory. Kept are two numbers a row; the backward makes the sum and the mask again, which is cheaper than to store and load them.
 * Launches: forward 1, backward 2. The forward reads x and the residual and writes y; the backward reads x, the residual and g and writes two gradients.
 */
#include "tensor/cuda/cuda.h"

constexpr int MOST_WARPS = 8, MOST_ROOM = 40 << 10; /* bytes of shared memory in a block, where a row leaves the choice */
constexpr int WIDEST = 160 << 10; /* bytes that one warp may take; rows that need more are wide: their blocks, so many at most, have a warp each */
constexpr int64_t WIDE_BLOCKS = 256;

template <class T> struct job {
	const T *x, *residual, *gain, *bias;
	int64_t n, d;
	float eps;
	tl_drop drop;
	float *mean, *rstd;
	float *room;                     /* [blocks][lines][d] of wide rows; else NULL */
};

/* Where a block has its rows: shared memory, or its part of the scratch. */
template <class T, bool WIDE> __device__ static inline float *
place(const job<T> &j, int lines)
{
	TL_SHARED(float, rows);

	return WIDE ? j.room + (int64_t)blockIdx.x * lines * j.d : rows;
}

/* z[k] = residual + dropout(x) of a row, by one warp; f (NULL: no dropout) gets the factors. Philox blocks do not end where rows end. */
template <class T> __device__ static inline void
sum_row(const job<T> &j, int64_t row, int lane, float *z, float *f)
{
	int64_t first = row * j.d;

	for (int64_t block = first / 8 + lane; f && block * 8 < first + j.d; block += 32) {
		float drawn[8];
		tl_drop_factors(j.drop, (uint64_t)block, drawn);
		for (int i = 0; i < 8; i++)
			if (block * 8 + i >= first && block * 8 + i < first + j.d)
				f[block * 8 + i - first] = drawn[i];
	}
	__syncwarp();
	for (int64_t k = lane; k < j.d; k += 32)
		z[k] = (f ? f[k] : 1) * tl_get(j.x, first + k) + (j.residual ? tl_get(j.residual, first + k) : 0);
}

/* Place: [warps][d]; the row's part serves the factors first, and each lane then puts its own elements there. */
template <class T, bool WIDE> static __global__ void __launch_bounds__(32 * MOST_WARPS)
forward_kernel(job<T> j, T *y, tl_bf16 *half)
{
	int lane = threadIdx.x % 32, warps = blockDim.x / 32;
	float *z = place<T, WIDE>(j, 1) + threadIdx.x / 32 * j.d;

	for (int64_t row = blockIdx.x * (int64_t)warps + threadIdx.x / 32; row < j.n; row += (int64_t)gridDim.x * warps) {
		float mean = 0, squares = 0, rstd;
		sum_row(j, row, lane, z, j.drop.threshold ? z : NULL);
		for (int64_t k = lane; k < j.d; k += 32)
			mean += z[k];
		mean = tl_warp_sum(mean) / (float)j.d;
		for (int64_t k = lane; k < j.d; k += 32)
			squares += (z[k] - mean) * (z[k] - mean);
		rstd = 1 / sqrtf(tl_warp_sum(squares) / (float)j.d + j.eps);
		for (int64_t k = lane; k < j.d; k += 32) {
			float v = tl_get(j.gain, k) * ((z[k] - mean) * rstd) + tl_get(j.bias, k);
			tl_set(y, row * j.d + k, v);
			if (half)
				tl_set(half, row * j.d + k, v);
		}
		if (!lane) {
			j.mean[row] = mean;
			j.rstd[row] = rstd;
		}
		__syncwarp(); /* the next row's factors go where this row was */
	}
}

/* A warp takes `each` rows one after the other. Place: [warps][4][d]: the row, its factors, sums for gain and bias; part [blocks][2][d]. */
template <class T, bool WIDE> static __global__ void __launch_bounds__(32 * MOST_WARPS)
backward_kernel(job<T> j, int64_t each, const T *g, T *gx, bool fresh_x, T *gr, bool fresh_r, float *part)
{
	int lane = threadIdx.x % 32, warps = blockDim.x / 32;
	float *rows = place<T, WIDE>(j, 4), *z = rows + threadIdx.x / 32 * 4 * j.d, *f = z + j.d, *gain = f + j.d, *bias = gain + j.d;
	int64_t from = (blockIdx.x * (int64_t)warps + threadIdx.x / 32) * each;

	for (int64_t k = lane; k < j.d; k += 32)
		gain[k] = bias[k] = 0;
	for (int64_t row = from; row < from + each && row < j.n; row++) {
		float mean = j.mean[row], rstd = j.rstd[row], sum = 0, along = 0;
		sum_row(j, row, lane, z, j.drop.threshold ? f : NULL);
		for (int64_t k = lane; k < j.d; k += 32) {
			float gk = tl_get(g, row * j.d + k), h = gk * tl_get(j.gain, k);
			z[k] = (z[k] - mean) * rstd;
			sum += h;
			along += h * z[k];
			gain[k] += gk * z[k];
			bias[k] += gk;
		}
		sum = tl_warp_sum(sum) / (float)j.d;
		along = tl_warp_sum(along) / (float)j.d;
		for (int64_t k = lane; k < j.d; k += 32) {
			float to = rstd * (tl_get(g, row * j.d + k) * tl_get(j.gain, k) - sum - z[k] * along);
			if (gr)
				tl_add_to(gr, row * j.d + k, to, fresh_r);
			if (gx)
				tl_add_to(gx, row * j.d + k, j.drop.threshold ? f[k] * to : to, fresh_x);
		}
		__syncwarp();
	}
	__syncthreads();
	for (int64_t k = threadIdx.x; k < 2 * j.d; k += blockDim.x) {
		float sum = 0;
		for (int w = 0; w < warps; w++)
			sum += rows[(4 * w + 2) * j.d + k];
		part[blockIdx.x * 2 * j.d + k] = sum;
	}
}

/* Sums of part over the blocks, 32 columns by eight; columns d .. 2 d - 1 are those of bias. */
template <class T> static __global__ void __launch_bounds__(256)
finish_kernel(int64_t blocks, int64_t d, const float *part, T *gain, bool fresh_gain, T *bias, bool fresh_bias)
{
	__shared__ float sums[8][33];
	int64_t k = blockIdx.x * (int64_t)32 + threadIdx.x;
	float sum = 0;

	for (int64_t b = threadIdx.y; b < blocks && k < 2 * d; b += 8)
		sum += part[b * 2 * d + k];
	sums[threadIdx.y][threadIdx.x] = sum;
	__syncthreads();
	if (threadIdx.y || k >= 2 * d)
		return;
	for (int i = 1; i < 8; i++)
		sum += sums[i][threadIdx.x];
	if (k < d ? gain != NULL : bias != NULL)
		tl_add_to(k < d ? gain : bias, k < d ? k : k - d, sum, k < d ? fresh_gain : fresh_bias);
}

/* Warps in a block, each with `lines` rows; 0: the rows are wide. */
template <class T> static int
prepare(tl_op_call *c, job<T> *j, int lines)
{
	int64_t bytes, warps;

	*j = job<T>{ (const T *)c->in[0].data, (const T *)c->in[1].data, (const T *)c->in[2].data, (const T *)c->in[3].data, tl_rows(&c->in[0], 1), tl_tail(&c->in[0], 1), (float)c->arg[1],
		tl_drop_of(c, c->arg[0]), (float *)c->saved[0].data, (float *)c->saved[1].data, NULL };
	bytes = lines * 4 * (j->d ? j->d : 1);
	warps = MOST_ROOM / bytes;
	return bytes > WIDEST ? 0 : warps < 1 ? 1 : warps > MOST_WARPS ? MOST_WARPS : (int)warps;
}

template <class T> static int
forward(tl_op_call *c)
{
	job<T> j;
	int warps = prepare(c, &j, 1);
	dim3 wide((unsigned)(j.n < WIDE_BLOCKS ? j.n : WIDE_BLOCKS));

	if (warps)
		TL_LAUNCH((forward_kernel<T, false>), tl_grid_some((j.n + warps - 1) / warps), dim3(32 * warps), warps * j.d * 4, c, j, (T *)c->out.data, (tl_bf16 *)tl_op_half_out(c, false));
	else if (!(j.room = (float *)tl_scratch(c->ctx, (size_t)(wide.x * j.d) * sizeof *j.room)))
		return -1;
	else
		TL_LAUNCH((forward_kernel<T, true>), wide, dim3(32), 0, c, j, (T *)c->out.data, (tl_bf16 *)tl_op_half_out(c, false));
	return tl_launched(c);
}

template <class T> static int
backward(tl_op_call *c)
{
	bool fresh_x = c->grad_fresh[0], fresh_r = c->grad_fresh[1], fresh_gain = c->grad_fresh[2], fresh_bias = c->grad_fresh[3];
	job<T> j;
	int shared = prepare(c, &j, 4), warps = shared ? shared : 1;
	int64_t most = shared ? 1024 : WIDE_BLOCKS, each = (j.n + most * warps - 1) / (most * warps), blocks = each ? (j.n + each * warps - 1) / (each * warps) : 0;
	float *part = (float *)tl_scratch(c->ctx, (size_t)(blocks * 2 * j.d) * sizeof *part);

	if (!part || (!shared && !(j.room = (float *)tl_scratch(c->ctx, (size_t)(blocks * 4 * j.d) * sizeof *j.room))))
		return -1;
	if (shared)
		TL_LAUNCH((backward_kernel<T, false>), dim3((unsigned)blocks), dim3(32 * warps), 4 * warps * j.d * 4, c, j, each, (const T *)c->grad_out, (T *)c->grad_in[0], fresh_x, (T *)c->grad_in[1], fresh_r, part);
	else
		TL_LAUNCH((backward_kernel<T, true>), dim3((unsigned)blocks), dim3(32), 0, c, j, each, (const T *)c->grad_out, (T *)c->grad_in[0], fresh_x, (T *)c->grad_in[1], fresh_r, part);
	TL_LAUNCH(finish_kernel<T>, dim3(tl_grid(2 * j.d, 32)), dim3(32, 8), 0, c, blocks, j.d, (const float *)part, (T *)c->grad_in[2], fresh_gain, (T *)c->grad_in[3], fresh_bias);
	return tl_launched(c);
}

static bool
always(const tl_op_call *)
{
	return true;
}

TL_CUDA_PRODUCTS(layernorm, 0, always)
