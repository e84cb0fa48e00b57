/* A reader in C++, with the standard library: a document is a line "label label | text". */
#include <sstream>
#include <string>
#include <vector>

#include <tagloom/reader.h>

namespace {

int
document(tl_source *source)
{
	tl_sink *sink = source->sink;
	std::string line(source->text, source->length), label;
	std::vector<std::string> labels;
	std::vector<const char *> keys;
	size_t bar = line.find('|');

	if (bar == std::string::npos)
		return sink->fail(sink->arg, "%s: wanted labels, a bar, and the text; got no bar", source->where);
	for (std::istringstream words(line.substr(0, bar)); words >> label;)
		labels.push_back(label);
	for (const auto &text : labels)
		keys.push_back(text.c_str());
	return sink->document(sink->arg, source->where, line.c_str() + bar + 1, line.size() - bar - 1, keys.data(), int64_t(keys.size()), 0, nullptr, nullptr, false, source->where);
}

int
split(tl_sink *sink, const char *path, const char *name)
{
	tl_source source;
	int got = tl_source_open(&source, sink, path, (std::string(name) + ".txt").c_str()), bad = 0;

	if (got <= 0)
		return got < 0 ? -1 : 1;
	while (!bad && (got = tl_source_line(&source)) > 0)
		bad = document(&source);
	tl_source_close(&source);
	return bad || got < 0 ? -1 : 0;
}

const tl_reader reader = { .size = sizeof(tl_reader), .labels = [](tl_sink *sink, const char *path) { return tl_read_label_list(sink, path, "labels.txt"); }, .split = split };

}

const tl_plugin tagloom_plugin = { TL_READER, .name = "bars", .version = "1", .summary = "a reader in C++", .reader = &reader };
