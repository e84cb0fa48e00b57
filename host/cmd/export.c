/* export.c - tagloom export: a trained run as files that other tools read. */
#include <stdlib.h>

#include "trained.h"

static int
run(const tl_args *a, tl_error *e)
{
	tl_registry *registry;
	tl_trained *t = tl_cmd_trained(a, &registry, e);
	int status = t ? tl_trained_export(t, a->operand[0], e) : -1;

	if (!status)
		tl_note("%s: written", a->operand[0]);
	tl_trained_close(t);
	tl_registry_free(registry);
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
