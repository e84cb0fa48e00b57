/*
 * sorted.cu - to[index[i]] += x[i]. Places are sorted by index and, of equals, by place: each tile of places by counting who stands before
 * (no atomics), then all tiles by looking into the others. Then every CHUNK of sorted places is summed up by a block; what belongs to an
 * index that reaches beyond its chunk is kept apart, and added up by the chunk in which that index begins. So no index is a
 * bottleneck, however often it occurs (segment 0 of all tokens), and one that nobody names costs nothing.
 * Launches: 2 for up to 64 rows, 3 up to 1024, else 4. Reads x once; m d / 32 numbers are written and read again.
 */
#include "tensor/cuda/sorted.h"

constexpr int TILE = 1024, CHUNK = 64, THREADS = 128;

struct sorted { int32_t *index, *place; };

static __global__ void __launch_bounds__(256)
tile_kernel(int64_t m, int64_t rows, const int32_t *index, sorted to)
{
	__shared__ int32_t key[TILE];
	int64_t from = blockIdx.x * (int64_t)TILE;

	for (int i = threadIdx.x; i < TILE; i += 256)
		key[i] = from + i < m && index[from + i] >= 0 && index[from + i] < rows ? index[from + i] : INT32_MAX;
	__syncthreads();
	for (int i = threadIdx.x; i < TILE && from + i < m; i += 256) {
		int rank = 0;
		for (int k = 0; k < TILE; k++)
			rank += key[k] < key[i] || (key[k] == key[i] && k < i);
		to.index[from + rank] = key[i];
		to.place[from + rank] = (int32_t)(from + i);
	}
}

/* Sorted tiles to one sorted whole: a place moves by what the other tiles hold before it. */
static __global__ void
merge_kernel(int64_t m, sorted from, sorted to)
{
	for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < m; i += (int64_t)gridDim.x * blockDim.x) {
		int32_t key = from.index[i];
		int64_t rank = i % TILE;
		for (int64_t tile = 0; tile * TILE < m; tile++) {
			int64_t low = tile * TILE, high = low + TILE < m ? low + TILE : m;
			if (tile == i / TILE)
				continue;
			while (low < high) { /* the first that does not stand before this one */
				int64_t middle = (low + high) / 2;
				if (from.index[middle] < key || (from.index[middle] == key && tile < i / TILE))
					low = middle + 1;
				else
					high = middle;
			}
			rank += low - tile * TILE;
		}
		to.index[rank] = key;
		to.place[rank] = from.place[i];
	}
}

/* A block sums one chunk. head [chunks, d]: of the index that began in an earlier chunk; tail: of the one that goes on in the next. */
template <class T> static __global__ void __launch_bounds__(THREADS)
chunk_kernel(int64_t m, int64_t d, sorted s, const T *x, T *to, float *head, float *tail)
{
	__shared__ int32_t key[CHUNK + 2], place[CHUNK]; /* with a neighbour on both sides */
	int64_t from = blockIdx.x * (int64_t)CHUNK, chunk = blockIdx.x;
	int n = (int)(m - from < CHUNK ? m - from : CHUNK);

	for (int i = threadIdx.x; i < n + 2; i += THREADS)
		key[i] = from + i - 1 >= 0 && from + i - 1 < m ? s.index[from + i - 1] : -1;
	for (int i = threadIdx.x; i < n; i += THREADS)
		place[i] = s.place[from + i];
	__syncthreads();
	for (int64_t k = threadIdx.x; k < d; k += THREADS) {
		float sum = 0;
		bool began = key[0] == key[1];
		for (int i = 0; i < n && key[i + 1] != INT32_MAX; i++) {
			sum += tl_get(x, place[i] * d + k);
			if (i + 1 < n && key[i + 2] == key[i + 1])
				continue;
			if (began)
				head[chunk * d + k] = sum;
			else if (key[i + 2] == key[i + 1])
				tail[chunk * d + k] = sum;
			else
				tl_add_to(to, key[i + 1] * d + k, sum, false);
			sum = 0;
			began = false;
		}
	}
}

/* Where an index begins in a chunk and goes on in the next: what all of them hold for it, in their order. */
template <class T> static __global__ void __launch_bounds__(THREADS)
across_kernel(int64_t m, int64_t d, sorted s, const float *head, const float *tail, T *to)
{
	int64_t chunk = blockIdx.x, end = (chunk + 1) * CHUNK, chunks = (m + CHUNK - 1) / CHUNK, first = chunk * CHUNK;
	int32_t key = end < m ? s.index[end] : INT32_MAX;

	if (key == INT32_MAX || s.index[end - 1] != key || (chunk && s.index[first - 1] == key))
		return; /* nothing goes on, or it began earlier */
	for (int64_t k = threadIdx.x; k < d; k += THREADS) {
		float sum = tail[chunk * d + k];
		for (int64_t i = chunk + 1; i < chunks && s.index[i * CHUNK] == key; i++)
			sum += head[i * d + k];
		tl_add_to(to, key * d + k, sum, false);
	}
}

static int
sort(tl_op_call *c, int64_t m, int64_t rows, const int32_t *index, sorted *s)
{
	int32_t *room = (int32_t *)tl_scratch(c->ctx, (size_t)(4 * m) * sizeof *room);
	sorted tiles = { room, room + m };

	if (!room)
		return -1;
	TL_LAUNCH(tile_kernel, dim3(tl_grid(m, TILE)), dim3(256), 0, c, m, rows, index, tiles);
	*s = tiles;
	if (m <= TILE)
		return 0;
	*s = sorted{ room + 2 * m, room + 3 * m };
	TL_LAUNCH(merge_kernel, tl_grid_some((m + TL_THREADS - 1) / TL_THREADS), dim3(TL_THREADS), 0, c, m, tiles, *s);
	return 0;
}

template <class T> static int
add_rows(tl_op_call *c, int64_t m, int64_t d, int64_t rows, const int32_t *index, const T *x, T *to)
{
	int64_t chunks = (m + CHUNK - 1) / CHUNK;
	float *part = (float *)tl_scratch(c->ctx, (size_t)(2 * chunks * d) * sizeof *part);
	sorted s;

	if (!m || !d)
		return 0;
	if (!part || sort(c, m, rows, index, &s))
		return -1;
	TL_LAUNCH(chunk_kernel<T>, dim3((unsigned)chunks), dim3(THREADS), 0, c, m, d, s, x, to, part, part + chunks * d);
	if (chunks > 1)
		TL_LAUNCH(across_kernel<T>, dim3((unsigned)chunks), dim3(THREADS), 0, c, m, d, s, (const float *)part, (const float *)(part + chunks * d), to);
	return tl_launched(c);
}

int
tl_add_rows(tl_op_call *c, int64_t m, int64_t d, int64_t rows, const int32_t *index, const float *x, float *to)
{
	return add_rows(c, m, d, rows, index, x, to);
}
int
tl_add_rows(tl_op_call *c, int64_t m, int64_t d, int64_t rows, const int32_t *index, const tl_bf16 *x, tl_bf16 *to)
{
	return add_rows(c, m, d, rows, index, x, to);
}
