/* batching.c - which documents make a batch, and the batch itself: packed ids, no padding, memory that is kept. */
#include "loop.h"

#include <stdlib.h>
#include <string.h>

static int64_t
length_of(const int64_t *offsets, int64_t i)
{
	return offsets ? TL_MAX(offsets[i + 1] - offsets[i], (int64_t)1) : 1;
}

static void
reserve(tl_batches *b, int64_t n_docs)
{
	if (b->capacity < n_docs || !b->start) {
		b->capacity = TL_MAX(n_docs, (int64_t)1);
		b->order = tl_realloc(b->order, (size_t)b->capacity * sizeof *b->order);
		b->start = tl_realloc(b->start, (size_t)(b->capacity + 1) * sizeof *b->start);
	}
	b->documents = n_docs;
}

/* Cuts the order: a batch ends where the next document would pass a bound. A document longer than the bound is a batch of its own. */
static void
cut(tl_batches *b, const int64_t *offsets, int64_t batch, int64_t batch_tokens)
{
	int64_t docs = 0, tokens = 0;

	b->n = 0;
	b->start[0] = 0;
	for (int64_t i = 0; i < b->documents; i++) {
		int64_t n = length_of(offsets, b->order[i]);
		if (docs && ((batch && docs == batch) || (batch_tokens && tokens + n > batch_tokens))) {
			b->start[++b->n] = i;
			docs = tokens = 0;
		}
		docs++;
		tokens += n;
	}
	if (docs)
		b->start[++b->n] = b->documents;
}

void
tl_batches_shuffled(tl_batches *b, int64_t n_docs, const int64_t *offsets, uint64_t seed, int64_t epoch, int64_t batch, int64_t batch_tokens)
{
	tl_stream s = { .key = tl_stream_key(seed, "data", "shuffle", 0), .step = (uint64_t)epoch };

	reserve(b, n_docs);
	for (int64_t i = 0; i < n_docs; i++)
		b->order[i] = (int32_t)i;
	for (int64_t i = n_docs - 1; i > 0; i--) {
		int64_t j = tl_random_below(&s, (uint32_t)i + 1);
		int32_t t = b->order[i];
		b->order[i] = b->order[j];
		b->order[j] = t;
	}
	cut(b, offsets, batch, batch_tokens);
}

/* Longest first by counting, so that the order does not hang on a sorting function's choices. */
void
tl_batches_by_length(tl_batches *b, int64_t n_docs, const int64_t *offsets, int64_t batch, int64_t batch_tokens)
{
	int64_t longest = 1, *at;

	reserve(b, n_docs);
	for (int64_t i = 0; i < n_docs; i++)
		longest = TL_MAX(longest, length_of(offsets, i));
	at = tl_alloc((size_t)(longest + 2) * sizeof *at);
	for (int64_t i = 0; i < n_docs; i++)
		at[longest - length_of(offsets, i) + 1]++;
	for (int64_t i = 0; i < longest; i++)
		at[i + 1] += at[i];
	for (int64_t i = 0; i < n_docs; i++)
		b->order[at[longest - length_of(offsets, i)]++] = (int32_t)i;
	free(at);
	cut(b, offsets, batch, batch_tokens);
}

void
tl_batches_free(tl_batches *b)
{
	free(b->order);
	free(b->start);
	*b = (tl_batches){ 0 };
}

static void *
more(void *p, int64_t *capacity, int64_t n, size_t item)
{
	if (p && *capacity >= n)
		return p;
	*capacity = TL_MAX(n, *capacity + *capacity / 2);
	*capacity = TL_MAX(*capacity, (int64_t)64);
	return tl_realloc(p, (size_t)*capacity * item);
}

static void
pack_tokens(tl_packer *p, const tl_feed *s, const int32_t *document, int64_t n)
{
	const int64_t *o = s->tokens->offsets;
	int64_t tokens = 0;

	for (int64_t i = 0; i < n; i++)
		tokens += length_of(o, document[i]);
	p->ids = more(p->ids, &p->c_tokens, tokens, sizeof *p->ids);
	tokens = 0;
	for (int64_t i = 0; i < n; i++) {
		int64_t from = o[document[i]], k = o[document[i] + 1] - from;
		p->offsets[i] = (int32_t)tokens;
		if (k > 0)
			memcpy(p->ids + tokens, s->tokens->ids + from, (size_t)k * sizeof *p->ids);
		else
			p->ids[tokens] = s->filler;
		tokens += TL_MAX(k, (int64_t)1);
	}
	p->offsets[n] = (int32_t)tokens;
}

static void
pack_labels(tl_packer *p, const tl_feed *s, const int32_t *document, int64_t n, bool wanted)
{
	int64_t labels = 0;

	wanted = wanted && s->label_offsets;
	for (int64_t i = 0; wanted && i < n; i++)
		labels += s->label_offsets[document[i] + 1] - s->label_offsets[document[i]];
	p->labels = more(p->labels, &p->c_labels, labels, sizeof *p->labels);
	labels = 0;
	for (int64_t i = 0; i < n; i++) {
		int64_t from = wanted ? s->label_offsets[document[i]] : 0, k = wanted ? s->label_offsets[document[i] + 1] - from : 0;
		p->label_offsets[i] = (int32_t)labels;
		if (k)
			memcpy(p->labels + labels, s->labels + from, (size_t)k * sizeof *p->labels);
		labels += k;
	}
	p->label_offsets[n] = (int32_t)labels;
}

static void
pack_features(tl_packer *p, const tl_features *f, const int32_t *document, int64_t n)
{
	int64_t items = 0, old = p->c_features;

	for (int64_t i = 0; i < n; i++)
		items += f->offsets[document[i] + 1] - f->offsets[document[i]];
	p->feature_index = more(p->feature_index, &p->c_features, items, sizeof *p->feature_index);
	if (old != p->c_features || !p->feature_value)
		p->feature_value = tl_realloc(p->feature_value, (size_t)p->c_features * sizeof *p->feature_value);
	items = 0;
	for (int64_t i = 0; i < n; i++) {
		int64_t from = f->offsets[document[i]], k = f->offsets[document[i] + 1] - from;
		p->feature_offsets[i] = items;
		if (k) {
			memcpy(p->feature_index + items, f->index + from, (size_t)k * sizeof *p->feature_index);
			memcpy(p->feature_value + items, f->value + from, (size_t)k * sizeof *p->feature_value);
		}
		items += k;
	}
	p->feature_offsets[n] = items;
	p->batch.features = (tl_features){ .n = n, .width = f->width, .offsets = p->feature_offsets, .index = p->feature_index, .value = p->feature_value };
}

const tl_documents *
tl_pack(tl_packer *p, const tl_feed *s, const int32_t *document, int64_t n, bool labels)
{
	if (p->c_docs < n + 1) {
		p->c_docs = 2 * (n + 1);
		p->offsets = tl_realloc(p->offsets, (size_t)p->c_docs * sizeof *p->offsets);
		p->label_offsets = tl_realloc(p->label_offsets, (size_t)p->c_docs * sizeof *p->label_offsets);
		p->feature_offsets = tl_realloc(p->feature_offsets, (size_t)p->c_docs * sizeof *p->feature_offsets);
	}
	p->batch = (tl_documents){ .n = (int32_t)n };
	if (s->tokens)
		pack_tokens(p, s, document, n);
	pack_labels(p, s, document, n, labels);
	if (s->features && s->features->n > 0)
		pack_features(p, s->features, document, n);
	p->batch.offsets = s->tokens ? p->offsets : NULL;
	p->batch.ids = s->tokens ? p->ids : NULL;
	p->batch.label_offsets = p->label_offsets;
	p->batch.labels = p->labels;
	p->batch.kept = s->kept;
	p->batch.document = document;
	return &p->batch;
}

void
tl_packer_free(tl_packer *p)
{
	free(p->offsets);
	free(p->ids);
	free(p->label_offsets);
	free(p->labels);
	free(p->feature_index);
	free(p->feature_offsets);
	free(p->feature_value);
	*p = (tl_packer){ 0 };
}
