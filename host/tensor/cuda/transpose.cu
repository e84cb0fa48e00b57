/* transpose.cu - the last two axes exchanged: [..., n, m] -> [..., m, n], in squares of 32 x 32 that are read and written line by line. */
#include "tensor/cuda/cuda.h"

constexpr int SIDE = 32, LINES = 8;

template <class T> static __global__ void __launch_bounds__(SIDE * LINES)
turn_kernel(int64_t n, int64_t m, const T *from, T *to, bool fresh)
{
	__shared__ float square[SIDE][SIDE + 1];
	int64_t across = (m + SIDE - 1) / SIDE, down = (n + SIDE - 1) / SIDE, b = blockIdx.x;
	int64_t group = b / (across * down) * n * m, row = b / across % down * SIDE, column = b % across * SIDE;

	for (int i = threadIdx.y; i < SIDE; i += LINES)
		if (row + i < n && column + threadIdx.x < m)
			square[i][threadIdx.x] = tl_get(from, group + (row + i) * m + column + threadIdx.x);
	__syncthreads();
	for (int i = threadIdx.y; i < SIDE; i += LINES)
		if (column + i < m && row + threadIdx.x < n)
			tl_add_to(to, group + (column + i) * n + row + threadIdx.x, square[threadIdx.x][i], fresh);
}

/* from [groups, n, m] */
template <class T> static int
turned(tl_op_call *c, int64_t n, int64_t m, const T *from, T *to, bool fresh)
{
	int64_t squares = tl_rows(&c->in[0], 2) * ((n + SIDE - 1) / SIDE) * ((m + SIDE - 1) / SIDE);

	TL_LAUNCH(turn_kernel<T>, dim3((unsigned)squares), dim3(SIDE, LINES), 0, c, n, m, from, to, fresh);
	return tl_launched(c);
}

template <class T> static int
forward(tl_op_call *c)
{
	return turned(c, c->in[0].dim[c->in[0].rank - 2], c->in[0].dim[c->in[0].rank - 1], (const T *)c->in[0].data, (T *)c->out.data, true);
}

template <class T> static int
backward(tl_op_call *c)
{
	return turned(c, c->in[0].dim[c->in[0].rank - 1], c->in[0].dim[c->in[0].rank - 2], (const T *)c->grad_out, (T *)c->grad_in[0], c->grad_fresh[0]);
}

TL_CUDA_OP(transpose)
