/* export.c - tagloom export: a trained run as files that other tools read. */
#include <stdlib.h>

#include "trained.h"

static int
run(const tl_args *a, tl_error *e)
{
	tl_used u;
	int status = tl_used_open(&u, a, e) < 0 ? -1 : tl_trained_export(u.trained, a->operand[0], e);

	if (!status)
		tl_note("%s: written", a->operand[0]);
	tl_used_free(&u);
	return status;
}

static const tl_option options[] = {
	{ "--run", "RUN", "number or identity of a run that is done" },
	{ "--db", "FILE", "the results database" },
	{ 0 }
};

const tl_verb tl_verb_export = {
	.name = "export",
	.synopsis = "--run RUN [--db FILE] DIR",
	.summary = "encoder in Hugging Face layout, other modules as safetensors",
	.description = "Writes into DIR: config.json, model.safetensors, tokenizer.json and vocab.txt of a transformer encoder, so that\n"
	               "AutoModel.from_pretrained(DIR) and weights = DIR read it; modules.safetensors with all other weights as INSTANCE.NAME,\n"
	               "tagloom.json with the modules and their parameters, labels.txt. State that is not trained is left out.",
	.options = options,
	.least = 1, .most = 1,
	.run = run,
};
