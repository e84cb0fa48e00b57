/* internal.h - what the files of host/tensor share and nobody else sees. */
#ifndef HOST_TENSOR_INTERNAL_H
#define HOST_TENSOR_INTERNAL_H

#include "tensor/core.h"
#include "tensor/device.h"
#include "tensor/memory.h"

struct tl_tensor {
	tl_view view;
	tl_tensor *root;           /* a view's owner: its gradient is the owner's; NULL: the tensor itself */
	const tl_weight_info *weight; /* NULL: a tensor of the step */
	void *grad;                /* weights: the persistent buffer; others: made when the backward reaches them */
	size_t grad_bytes;         /* size of the block behind grad, for reuse */
	size_t data_bytes;         /* and of that behind the numbers; 0: they may not be given up */
	struct tl_node *maker;     /* given up until this node makes them again; NULL: not so */
	int64_t serial;            /* position in the step; segments use it to know what lies outside */
	const int32_t *host;       /* on a device: the host's copy of integers that came from it */
	bool wants;                /* a gradient is wanted (weights: trainable) */
	bool reached;              /* grad holds a value */
	bool keep;                 /* a variable: its gradient stays until the step ends */
	bool shared;               /* another tensor has the same numbers */
	bool read;                 /* by a backward pass; known at the end of a scope */
	void *half;                /* on a device, bf16: the values as products read them; NULL: not made */
	bool narrow;               /* half is all there is: the floats are made from it when somebody asks for them */
};

/* One recorded operation. Nodes form a list from the last to the first. */
typedef struct tl_node {
	struct tl_node *before;
	const tl_op *op;           /* NULL: a segment or a total */
	struct tl_segment *segment;
	int n_in, n_arg, n_saved;
	tl_tensor **in;
	const double *arg;
	tl_tensor *out;
	tl_view saved[TL_OP_MAX_SAVED];
	uint64_t key;
	bool training, again;      /* again: see tl_op_call; then made: it was */
	bool made;
} tl_node;

struct free_block { struct free_block *next; void *p; size_t bytes; };
struct half { struct half *before; tl_tensor *x; size_t at; }; /* a bf16 copy that was made where `at` bytes of the space were used */
struct halved { const float *x; void *half; };
/* What a step sends to the device: from here, to there; the event of what was sent, and the one after the step. */
struct staging { tl_space *space, *there; void *arrived, *done; bool used; };

typedef struct tl_stream_state { char instance[128], purpose[64]; uint64_t ordinal; } tl_stream_state;

struct tl_ctx {
	tl_dtype compute;
	tl_pool *pool;
	void *user;
	tl_error error;
	tl_arena *arena;
	void (*warn)(void *user, const char *text);
	char **warned;             /* texts said once */
	int64_t n_warned, warned_capacity;
	uint64_t seed;
	int64_t step;
	bool training, record;
	bool counting;             /* tensors are made, but nothing is computed and no page of them touched */
	tl_operations operations;  /* counted so far */
	tl_watch *watch;           /* NULL, or who is told of every kernel */
	void *watch_arg;
	int no_grad;
	bool has_instance;
	tl_stream_state stream;
	const tl_op *running;      /* whose shape rule or kernel runs: names refusals */
	tl_node *tape;
	int64_t serial, segment_start; /* tensors below segment_start lie outside the running segment; 0: none runs */
	tl_tensor *const *inputs;  /* of the op that runs */
	tl_device *device;         /* NULL: the CPU */
	tl_space *space;
	struct staging staging[3];
	int turn;
	bool sending;              /* something was sent that the work does not wait for yet */
	bool in_kernel;            /* scratch memory is the device's */
	struct half *halves;       /* the bf16 copies there are, the last one first */
	struct halved halved[2 + TL_OP_MAX_SAVED]; /* of the op that runs, until it returns */
	int n_halved;
	tl_tensor *half_out;       /* what the op that runs writes in bf16 */
	int32_t *flag;             /* on the device: see tl_device_flag */
	struct free_block *spare;  /* memory of gradients and numbers that nothing reads any more (spare.c) */
};

static inline tl_tensor *
tl_root(tl_tensor *x)
{
	return x->root ? x->root : x;
}
static inline bool
tl_recording(const tl_ctx *ctx)
{
	return ctx->record && !ctx->no_grad;
}
static inline size_t
tl_dtype_bytes(tl_dtype d)
{
	return d == TL_F64 ? 8 : d == TL_BF16 ? 2 : 4;
}

/* The tensor as ops of this context see it: a weight of a device has its address there. */
tl_view tl_view_here(tl_ctx *ctx, const tl_tensor *x);
/* The host's values of a weight, current. */
const void *tl_weight_read(const tl_weight_info *info);
/* A tensor of this step with uninitialised values; NULL after an error (too large). */
tl_tensor *tl_tensor_new(tl_ctx *ctx, tl_dtype dtype, int rank, const int64_t *dims);
int tl_view_set(tl_ctx *ctx, const char *who, tl_view *v, tl_dtype dtype, int rank, const int64_t *dims);
void tl_dims_text(const tl_view *v, char *text, size_t size);
tl_tensor *tl_op_run(tl_ctx *ctx, const tl_op *op, tl_tensor *const *in, int n_in, const double *arg, int n_arg);
/* Kind and name of an op's input from its signature: "x:real b:real? ..." */
typedef struct tl_input_kind { char kind; /* 'r' real, 'i' int, 'l' list of reals */ bool optional; const char *name; int name_length; } tl_input_kind;
int tl_signature_inputs(const char *signature, tl_input_kind *kind, int most);
int tl_segment_backward(tl_ctx *ctx, tl_node *node);
/* The call that forward and backward of a node have in common. */
int tl_op_call_fill(tl_ctx *ctx, tl_op_call *c, const tl_op *op, tl_tensor *const *in, int n_in, const double *arg, int n_arg);
int tl_op_call_run(tl_ctx *ctx, int (*fn)(tl_op_call *c), tl_op_call *c);
const tl_kernel *tl_op_kernel(tl_ctx *ctx, const tl_op *op);
/* Copies in bf16 (halves.c). of_inputs: before a forward, of what it multiplies. of_out: room for a result that is written in both types. back: those made after
 * `used` bytes of the space are forgotten. */
const tl_device_kernels *tl_op_halves(const tl_ctx *ctx, const tl_op *op); /* NULL: nothing of this here */
int tl_halves_of_inputs(tl_ctx *ctx, const tl_op *op, tl_tensor *const *in, int n_in);
int tl_half_of_out(tl_ctx *ctx, const tl_op *op, const tl_op_call *c, tl_tensor *out);
int tl_widened(tl_ctx *ctx, const tl_tensor *x); /* floats are there */
void tl_halves_back(tl_ctx *ctx, size_t used);
/* In place of a kernel, where the context counts. */
void tl_count_op(tl_ctx *ctx, const tl_op *op, const tl_op_call *c, bool backward);
/* Puts a node without an op on the tape. */
tl_node *tl_node_new(tl_ctx *ctx, tl_tensor *const *in, int n_in, tl_tensor *out);
/* --- spare.c --- */
/* Memory of the step that is written before it is read: a spare block, else a new one. *got: its size. NULL after an error. */
void *tl_spare_take(tl_ctx *ctx, size_t bytes, size_t *got);
void tl_spare_give(tl_ctx *ctx, void *p, size_t bytes);
/* The end of a scope that began after node `before`: numbers that only it could see, and that no backward pass needs to find, are given up. */
void tl_scope_end(tl_ctx *ctx, const tl_node *before, tl_tensor *result);
/* Before a node is differentiated: inputs that were given up are made again. After it: its result goes, if it was. */
int tl_inputs_back(tl_ctx *ctx, const tl_node *node);
void tl_output_done(tl_ctx *ctx, const tl_node *node);
/* The gradient buffer of a tensor, made if it has none; *fresh: it holds nothing yet. */
void *tl_grad_buffer(tl_ctx *ctx, tl_tensor *x, bool *fresh);

#endif
