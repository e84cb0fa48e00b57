/* runtime.cu - the table of a device (device.h) over the CUDA runtime. */
#include "tensor/cuda/inside.h"

#include <stdlib.h>

#ifdef TL_EMULATED
#define KIND "cuda-emulated"
#else
#define KIND "cuda"
#endif

static int
told(tl_device *d, const char *what, cudaError_t e)
{
	if (e == cudaSuccess)
		return 0;
	snprintf(d->error, sizeof d->error, "%s: %s", what, cudaGetErrorString(e));
	return -1;
}

static cudaStream_t
stream(tl_device *d)
{
	return (cudaStream_t)d->stream;
}

static int
memory(tl_device *d, size_t *unused, size_t *total)
{
	return told(d, "the device's memory cannot be asked for", cudaMemGetInfo(unused, total));
}

static void *
device_alloc(tl_device *d, size_t bytes)
{
	void *p = NULL;
	size_t unused = 0, total = 0;
	cudaError_t e = cudaMalloc(&p, bytes);

	if (e == cudaSuccess)
		return p;
	cudaGetLastError(); /* the error is told here and does not stay for the next launch */
	cudaMemGetInfo(&unused, &total);
	snprintf(d->error, sizeof d->error, "%.2f GB of device memory were asked for and %.2f of %.2f GB are free (%s); lower batch or batch_tokens, or set recompute = \"layer\"", (double)bytes * 1e-9,
	         (double)unused * 1e-9, (double)total * 1e-9, cudaGetErrorString(e));
	return NULL;
}

static void
device_release(tl_device *, void *p)
{
	cudaFree(p);
}

static void *
host_alloc(tl_device *d, size_t bytes)
{
	void *p = NULL;

	return told(d, "no host memory for copies to the device", cudaMallocHost(&p, bytes)) ? NULL : p;
}

static void
host_release(tl_device *, void *p)
{
	cudaFreeHost(p);
}

static int
upload(tl_device *d, void *to, const void *from, size_t bytes)
{
	tl_shadows_old(d, to, bytes);
	return bytes ? told(d, "a copy to the device failed", cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream(d))) : 0;
}

static int
send(tl_device *d, void *to, const void *from, size_t bytes)
{
	return bytes ? told(d, "a copy to the device failed", cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, (cudaStream_t)d->ahead)) : 0;
}

static int
sent(tl_device *d, void *e)
{
	return told(d, "an event could not be recorded", cudaEventRecord((cudaEvent_t)e, (cudaStream_t)d->ahead)) || told(d, "an event cannot be waited for", cudaStreamWaitEvent(stream(d), (cudaEvent_t)e, 0)) ? -1 : 0;
}

static int
fetch(tl_device *d, void *to, const void *from, size_t bytes)
{
	return bytes ? told(d, "a copy from the device failed", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream(d))) : 0;
}

static int
wait_all(tl_device *d)
{
	return told(d, "the device's work failed", cudaStreamSynchronize(stream(d)));
}

static int
download(tl_device *d, void *to, const void *from, size_t bytes)
{
	return fetch(d, to, from, bytes) ? -1 : wait_all(d);
}

static int
copy(tl_device *d, void *to, const void *from, size_t bytes)
{
	tl_shadows_old(d, to, bytes);
	return bytes ? told(d, "a copy within the device failed", cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream(d))) : 0;
}

static int
zero(tl_device *d, void *p, size_t bytes)
{
	tl_shadows_old(d, p, bytes);
	return bytes ? told(d, "memory of the device could not be cleared", cudaMemsetAsync(p, 0, bytes, stream(d))) : 0;
}

static void *
event(tl_device *d)
{
	cudaEvent_t e = NULL;

	return told(d, "no event could be made", cudaEventCreateWithFlags(&e, cudaEventDisableTiming)) ? NULL : (void *)e;
}

static void
event_free(tl_device *, void *e)
{
	if (e)
		cudaEventDestroy((cudaEvent_t)e);
}

static int
record(tl_device *d, void *e)
{
	return told(d, "an event could not be recorded", cudaEventRecord((cudaEvent_t)e, stream(d)));
}

static int
await(tl_device *d, void *e)
{
	return told(d, "the device's work failed", cudaEventSynchronize((cudaEvent_t)e));
}

/* --- p += x, p = value --- */

template <class T> static __global__ void
add_kernel(int64_t n, T *p, const T *x)
{
	for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < n; i += (int64_t)gridDim.x * blockDim.x)
		tl_set(p, i, tl_get(p, i) + tl_get(x, i));
}

template <class T> static __global__ void
fill_kernel(int64_t n, T *p, float value)
{
	for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < n; i += (int64_t)gridDim.x * blockDim.x)
		tl_set(p, i, value);
}

static __global__ void
blend_kernel(int64_t n, float *to, const float *from, float momentum, float rest)
{
	for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < n; i += (int64_t)gridDim.x * blockDim.x)
		to[i] = momentum * to[i] + rest * from[i];
}

static int
add(tl_device *d, tl_dtype dtype, void *p, const void *x, int64_t n)
{
	tl_shadows_old(d, p, (size_t)n * sizeof(float));
	if (dtype == TL_BF16)
		TL_LAUNCH_ON(d, add_kernel<tl_bf16>, tl_blocks_for(n), dim3(TL_THREADS), 0, n, (tl_bf16 *)p, (const tl_bf16 *)x);
	else
		TL_LAUNCH_ON(d, add_kernel<float>, tl_blocks_for(n), dim3(TL_THREADS), 0, n, (float *)p, (const float *)x);
	return told(d, "the device refused a launch", cudaGetLastError());
}

static int
fill(tl_device *d, tl_dtype dtype, void *p, int64_t n, double value)
{
	if (value == 0)
		return zero(d, p, (size_t)n * (dtype == TL_BF16 ? 2 : 4));
	tl_shadows_old(d, p, (size_t)n * sizeof(float));
	if (dtype == TL_BF16)
		TL_LAUNCH_ON(d, fill_kernel<tl_bf16>, tl_blocks_for(n), dim3(TL_THREADS), 0, n, (tl_bf16 *)p, (float)value);
	else
		TL_LAUNCH_ON(d, fill_kernel<float>, tl_blocks_for(n), dim3(TL_THREADS), 0, n, (float *)p, (float)value);
	return told(d, "the device refused a launch", cudaGetLastError());
}

static int
blend(tl_device *d, float *to, const float *from, int64_t n, double momentum)
{
	tl_shadows_old(d, to, (size_t)n * sizeof *to);
	TL_LAUNCH_ON(d, blend_kernel, tl_blocks_for(n), dim3(TL_THREADS), 0, n, to, from, (float)momentum, (float)(1 - momentum));
	return told(d, "the device refused a launch", cudaGetLastError());
}

/* --- open and close --- */

static void
close_device(tl_device *d)
{
	if (d->inside)
		tl_products_close(d);
	tl_shadows_close(d);
	if (d->ahead) {
		cudaStreamSynchronize((cudaStream_t)d->ahead);
		cudaStreamDestroy((cudaStream_t)d->ahead);
	}
	if (d->stream) {
		cudaStreamSynchronize(stream(d));
		cudaStreamDestroy(stream(d));
	}
	free(d);
}

static int
start(tl_device *d)
{
	cudaDeviceProp p;
	cudaStream_t s;
	int count = 0;

	if (told(d, "no CUDA device can be used", cudaGetDeviceCount(&count)))
		return -1;
	if (d->index >= count) {
		snprintf(d->error, sizeof d->error, "this machine has %d CUDA device%s, counted from 0", count, count == 1 ? "" : "s");
		return -1;
	}
	if (told(d, "the device cannot be used", cudaSetDevice(d->index)) || told(d, "the device cannot be used", cudaGetDeviceProperties(&p, d->index)))
		return -1;
	if (p.major < 8) {
		snprintf(d->error, sizeof d->error, "%s has compute capability %d.%d; wanted 8.0 or newer", p.name, p.major, p.minor);
		return -1;
	}
	snprintf(d->name, sizeof d->name, "%.120s", p.name);
	d->total = p.totalGlobalMem;
	if (told(d, "no stream could be made", cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking)))
		return -1;
	d->stream = s;
	if (told(d, "no second stream could be made", cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking)))
		return -1;
	d->ahead = s;
	return tl_products_open(d);
}

extern "C" TL_API int
tl_cuda_open(int index, uint32_t size, tl_device **out, char *error, size_t room)
{
	tl_device *d;

	if (size != sizeof(tl_device)) {
		snprintf(error, room, "the CUDA part is of another build than the program; build both together");
		return -1;
	}
	d = (tl_device *)calloc(1, sizeof *d);
	d->size = size;
	d->kind = KIND;
	d->index = index;
#ifdef TL_EMULATED
	d->guarded = !getenv("TAGLOOM_EMULATE_BARE") && !getenv("TAGLOOM_EMULATE_STREAMS"); /* counts of copies and waits are then those of a real device */
#endif
	d->memory = memory;
	d->alloc = device_alloc;
	d->release = device_release;
	d->alloc_host = host_alloc;
	d->release_host = host_release;
	d->upload = upload;
	d->send = send;
	d->sent = sent;
	d->download = download;
	d->fetch = fetch;
	d->copy = copy;
	d->zero = zero;
	d->wait = wait_all;
	d->event = event;
	d->event_free = event_free;
	d->record = record;
	d->await = await;
	d->add = add;
	d->fill = fill;
	d->blend = blend;
	tl_optimizer_functions(d);
	tl_shadows_open(d);
	d->close = close_device;
	if (start(d)) {
		snprintf(error, room, "%s", d->error);
		close_device(d);
		return -1;
	}
	*out = d;
	return 0;
}
