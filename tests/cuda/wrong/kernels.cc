/* kernels.cc - kernels with one mistake each, and good ones beside them: usage: kernels NAME. What emulate.t runs. */
#include "cuda_runtime.h"

#include <stdio.h>
#include <stdlib.h>

#define LAUNCH(kernel, grid, block, shared, ...) tl_emulate_start(NULL, #kernel, grid, block, shared, kernel, ##__VA_ARGS__)

static __global__ void
reversed(int *p) /* good: every thread writes, all wait, every thread reads another's */
{
	__shared__ int s[64];

	s[threadIdx.x] = (int)threadIdx.x;
	__syncthreads();
	p[blockIdx.x * 64 + threadIdx.x] = s[63 - threadIdx.x];
}

static __global__ void
no_barrier(int *p)
{
	__shared__ int s[64];

	s[threadIdx.x] = (int)threadIdx.x;
	p[blockIdx.x * 64 + threadIdx.x] = s[63 - threadIdx.x];
}

static __global__ void
some_leave(int *p)
{
	if (threadIdx.x < 7)
		return;
	__syncthreads();
	p[0] = 1;
}

static __global__ void
two_barriers(int *p)
{
	if (threadIdx.x < 32) {
		__syncthreads();
		p[0] = 1;
	} else {
		__syncthreads();
		p[1] = 1;
	}
}

static __global__ void
half_a_warp(int *p)
{
	if (threadIdx.x % 32 < 16)
		p[threadIdx.x] = __shfl_xor_sync(0xffffffffu, 1, 1);
}

static __global__ void
beyond(int *p, int n)
{
	if (threadIdx.x == 0)
		p[n] = 1;
}

static __global__ void
sums(float *p) /* good: 1 + ... + 32 in every lane */
{
	float v = (float)threadIdx.x + 1;

	for (int by = 16; by; by >>= 1)
		v += __shfl_xor_sync(0xffffffffu, v, by);
	p[threadIdx.x] = v;
}

static __global__ void
gather(int *sum, const int *x)
{
	sum[threadIdx.x] += x[threadIdx.x];
}

/* 1 + 2 + 3 + 4, each sent ahead on a second stream: the work waits for what is sent (arrival), and the host for the work before it sends into the same place (end). */
static void
streams(int *sum, bool arrival, bool end)
{
	cudaStream_t work, ahead;
	cudaEvent_t arrived, done;
	int *host = NULL, *there = NULL, got = 0;

	cudaStreamCreateWithFlags(&work, cudaStreamNonBlocking);
	cudaStreamCreateWithFlags(&ahead, cudaStreamNonBlocking);
	cudaEventCreateWithFlags(&arrived, cudaEventDisableTiming);
	cudaEventCreateWithFlags(&done, cudaEventDisableTiming);
	cudaMalloc(&there, 32 * sizeof *there);
	cudaMallocHost(&host, 32 * sizeof *host);
	for (int step = 1; step <= 4; step++) {
		if (end)
			cudaEventSynchronize(done);
		for (int i = 0; i < 32; i++)
			host[i] = step;
		cudaMemcpyAsync(there, host, 32 * sizeof *there, cudaMemcpyHostToDevice, ahead);
		cudaEventRecord(arrived, ahead);
		if (arrival)
			cudaStreamWaitEvent(work, arrived, 0);
		tl_emulate_start(work, "gather", dim3(1), dim3(32), 0, gather, sum, there);
		cudaEventRecord(done, work);
	}
	cudaMemcpyAsync(&got, sum, sizeof got, cudaMemcpyDeviceToHost, work);
	cudaStreamSynchronize(work);
	printf("%d\n", got);
}

int
main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	int *p = NULL, host[128] = { 0 };
	float f[32];

	cudaMalloc(&p, sizeof host);
	cudaMemsetAsync(p, 0, sizeof host, NULL);
	if (!strcmp(name, "reversed"))
		LAUNCH(reversed, dim3(2), dim3(64), 0, p);
	else if (!strcmp(name, "no_barrier"))
		LAUNCH(no_barrier, dim3(2), dim3(64), 0, p);
	else if (!strcmp(name, "some_leave"))
		LAUNCH(some_leave, dim3(1), dim3(64), 0, p);
	else if (!strcmp(name, "two_barriers"))
		LAUNCH(two_barriers, dim3(1), dim3(64), 0, p);
	else if (!strcmp(name, "half_a_warp"))
		LAUNCH(half_a_warp, dim3(1), dim3(32), 0, p);
	else if (!strcmp(name, "beyond"))
		LAUNCH(beyond, dim3(1), dim3(32), 0, p, 128);
	else if (!strcmp(name, "part_of_a_warp"))
		LAUNCH(sums, dim3(1), dim3(33), 0, (float *)p);
	else if (!strcmp(name, "large_block"))
		LAUNCH(reversed, dim3(1), dim3(2048), 0, p);
	else if (!strcmp(name, "large_shared"))
		LAUNCH(reversed, dim3(1), dim3(64), 200 << 10, p);
	else if (!strcmp(name, "host_reads"))
		return p[3];
	else if (!strcmp(name, "host_as_device"))
		cudaMemcpyAsync(host, host + 64, 4, cudaMemcpyDeviceToHost, NULL);
	else if (!strcmp(name, "overlap"))
		cudaMemcpyAsync(p, p + 1, 64, cudaMemcpyDeviceToDevice, NULL);
	else if (!strcmp(name, "streams") || !strcmp(name, "no_arrival") || !strcmp(name, "no_end")) {
		streams(p, strcmp(name, "no_arrival"), strcmp(name, "no_end"));
		return 0;
	} else if (!strcmp(name, "sums")) {
		LAUNCH(sums, dim3(1), dim3(32), 0, (float *)p);
		cudaMemcpyAsync(f, p, sizeof f, cudaMemcpyDeviceToHost, NULL);
		printf("%g %g\n", (double)f[0], (double)f[31]);
		return 0;
	} else
		return 2;
	cudaMemcpyAsync(host, p, sizeof host, cudaMemcpyDeviceToHost, NULL);
	for (int i = 0; i < 128; i++)
		printf("%d ", host[i]);
	printf("\n");
	return 0;
}
