/* An encoder in C++: the document is the mean of its tokens' vectors. */
#include <tagloom/plugin.h>

namespace {

struct averaged {
	int64_t dim, vocab;
	tl_tensor *embedding; /* [V, dim] */
};

const tl_param params[] = {
	TL_P_INT(averaged, dim, "16", 1, 65536, "width of the vectors"),
	TL_P_INT(averaged, vocab, "1000", 1, 10000000, "size of the vocabulary"),
	{},
};
const tl_weight weights[] = { { .name = "embedding.weight", .at = offsetof(averaged, embedding), .shape = "V dim", .init = TL_INIT_NORMAL }, {} };
const tl_slot reads[] = { { .name = "input", .kind = TL_SLOT_INPUT, .doc = "packed token ids" }, {} };
const tl_slot writes[] = { { .name = "hidden", .shape = "T dim", .doc = "one vector per token" }, { .name = "pooled", .shape = "B dim", .doc = "their mean" }, {} };

int
encode(tl_ctx *ctx, void *self, const tl_input *input, unsigned want, tl_encoded *out)
{
	tl_tensor *x = tl_gather(ctx, static_cast<averaged *>(self)->embedding, input->ids);

	if (input->vectors)
		x = tl_replace_rows(ctx, x, input->vector_at, input->vectors);
	out->hidden = x;
	if (want & TL_WANT_POOLED)
		out->pooled = tl_segment_mean(ctx, x, input->offsets);
	return tl_status(ctx);
}

const tl_module module = { .size = sizeof(tl_module), .encode = encode };

}

const tl_plugin tagloom_plugin = { TL_ENCODER(averaged), .name = "averaged", .version = "1", .summary = "an encoder in C++", .params = params, .weights = weights, .reads = reads, .writes = writes,
	.module = &module };
