/*
 * loader.c - opens one plugin file, or says in one line why not: file, wanted, got, cure.
 * The file is read as an ELF object before the dynamic linker sees it, because the linker's own words about a truncated or foreign
 * file help nobody (and a truncated one can kill the process).
 */
#include "inside.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/stat.h>

const char *const tl_kind_names[] = { "encoder", "label", "metric", "reader", NULL };
const char *const tl_kind_folders[] = { "encoders", "labels", "metrics", "readers", NULL };

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
#define MACHINE_NAME "x86-64"
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64 };
#define MACHINE_NAME "aarch64"
#else
enum { MACHINE = EM_NONE };
#define MACHINE_NAME "this machine's"
#endif

const char *
tl_kind_name(uint32_t kind)
{
	return kind >= TL_KIND_ENCODER && kind <= TL_KIND_READER ? tl_kind_names[kind - 1] : NULL;
}

/* --- is the address ours to read? ------------------------------------------------------------------------------------------------- */
struct range { uintptr_t from, to; bool found; };

static int
segment(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct range *r = arg;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + h->p_vaddr;
		if (h->p_type == PT_LOAD && (h->p_flags & PF_R) && r->from >= start && r->to >= r->from && r->to <= start + h->p_memsz) {
			r->found = true;
			return 1;
		}
	}
	return 0;
}

bool
tl_readable(const void *at, size_t n)
{
	struct range r = { (uintptr_t)at, (uintptr_t)at + n, false };

	if (!at)
		return false;
	dl_iterate_phdr(segment, &r);
	return r.found;
}

/* --- before the dynamic linker ---------------------------------------------------------------------------------------------------- */
static int
look_at_file(const char *path, tl_error *e)
{
	ElfW(Ehdr) h;
	struct stat st;
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC), bad = 0;

	if (fd < 0)
		return tl_error_set(e, TL_ENVIRONMENT, "cannot be opened: %s", strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return tl_error_set(e, TL_ENVIRONMENT, "wanted a shared object, got something that is no file");
	}
	got = pread(fd, &h, sizeof h, 0);
	if (got < (ssize_t)SELFMAG || memcmp(h.e_ident, ELFMAG, SELFMAG))
		bad = tl_error_set(e, TL_ENVIRONMENT, "wanted a shared object (ELF), got %s; build it with: cc $(pkg-config --cflags tagloom) -shared -fPIC",
		                   got == 0 ? "an empty file" : "a file of another kind");
	else if (got < (ssize_t)sizeof h)
		bad = tl_error_set(e, TL_ENVIRONMENT, "wanted a shared object (ELF), got only its first %zd bytes; copy or build it again", got);
	else if (h.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) || h.e_ident[EI_DATA] != ELFDATA2LSB || (MACHINE != EM_NONE && h.e_machine != MACHINE))
		bad = tl_error_set(e, TL_ENVIRONMENT, "wanted a shared object for " MACHINE_NAME ", got one for another machine (ELF machine %d, %s); build it on this one",
		                   h.e_machine, h.e_ident[EI_CLASS] == ELFCLASS64 ? "64 bit" : "32 bit");
	else if (h.e_type != ET_DYN)
		bad = tl_error_set(e, TL_ENVIRONMENT, "wanted a shared object, got %s; link it with -shared -fPIC", h.e_type == ET_REL ? "an object file" : h.e_type == ET_EXEC ? "a program" : "another kind of ELF file");
	for (int i = 0; !bad && i < h.e_phnum; i++) {
		ElfW(Phdr) p;
		if (h.e_phentsize != sizeof p || pread(fd, &p, sizeof p, (off_t)(h.e_phoff + (size_t)i * sizeof p)) != (ssize_t)sizeof p ||
		    p.p_offset > (uint64_t)st.st_size || p.p_filesz > (uint64_t)st.st_size - p.p_offset)
			bad = tl_error_set(e, TL_ENVIRONMENT, "wanted a whole shared object, got one that is cut off after %lld bytes; copy or build it again", (long long)st.st_size);
	}
	close(fd);
	return bad;
}

/* The dynamic linker's message, in the words of a plugin author. */
static int
linker_error(const char *path, const char *said, tl_error *e)
{
	const char *s = strstr(said, "undefined symbol: "), *end;

	if (s) {
		s += strlen("undefined symbol: ");
		end = s + strcspn(s, ", \n(");
		if (!strncmp(s, "tl_", 3))
			return tl_error_set(e, TL_ENVIRONMENT, "needs a newer tagloom: uses %.*s, which tagloom " TL_VERSION " does not have; update tagloom, or build the plugin against this one's headers", (int)(end - s), s);
		return tl_error_set(e, TL_ENVIRONMENT, "uses %.*s, got nothing that defines it; link the plugin with the library that does (-lNAME)", (int)(end - s), s);
	}
	s = strstr(said, ": cannot open shared object file");
	if (s && strncmp(said, path, strlen(path)))
		return tl_error_set(e, TL_ENVIRONMENT, "needs the library %.*s, which is not here; install it, or put its folder into LD_LIBRARY_PATH", (int)(s - said), said);
	s = tl_starts(said, path) && said[strlen(path)] == ':' ? said + strlen(path) + 2 : said;
	return tl_error_set(e, TL_ENVIRONMENT, "the dynamic linker refuses it: %s", s);
}

/* --- the exported object -------------------------------------------------------------------------------------------------------------- */
static int
check_header(const void *symbol, size_t size, tl_error *e)
{
	const tl_plugin *p = symbol;
	static const struct { const char *name; size_t at; uint32_t host; } sizes[] = {
#define SIZE(field, type) { #type, offsetof(tl_plugin, field), sizeof(type) }
		SIZE(size_plugin, tl_plugin), SIZE(size_param, tl_param), SIZE(size_weight, tl_weight), SIZE(size_state, tl_state), SIZE(size_slot, tl_slot),
		SIZE(size_loss, tl_loss), SIZE(size_module, tl_module), SIZE(size_metric, tl_metric), SIZE(size_reader, tl_reader), SIZE(size_op, tl_op),
#undef SIZE
	};

	if (size < offsetof(tl_plugin, kind) || !tl_readable(symbol, size))
		return tl_error_set(e, TL_ENVIRONMENT, "wanted tagloom_plugin to be a tl_plugin, got %zu bytes; declare it as: const tl_plugin tagloom_plugin = { ... }", size);
	if (p->magic != TL_MAGIC)
		return tl_error_set(e, TL_ENVIRONMENT, "wanted the magic number 0x%08x, got 0x%08x; open the declaration with TL_ENCODER, TL_LABEL, TL_METRIC or TL_READER", TL_MAGIC, p->magic);
	if (p->abi_major != TL_ABI_MAJOR)
		return tl_error_set(e, TL_ENVIRONMENT, "wanted plugin ABI %d, got %d.%d; build the plugin against this tagloom's headers", TL_ABI_MAJOR, p->abi_major, p->abi_minor);
	if (p->abi_minor > TL_ABI_MINOR)
		return tl_error_set(e, TL_ENVIRONMENT, "wanted plugin ABI %d.%d or older, got %d.%d; update tagloom, or build the plugin against this one's headers", TL_ABI_MAJOR, TL_ABI_MINOR, p->abi_major, p->abi_minor);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint32_t got = *(const uint32_t *)((const char *)symbol + sizes[i].at);
		if (got > sizes[i].host || got < 8)
			return tl_error_set(e, TL_ENVIRONMENT, "wanted %s of at most %u bytes, got %u; build the plugin against this tagloom's headers", sizes[i].name, sizes[i].host, got);
	}
	if (p->size_plugin > size || p->size_plugin <= offsetof(tl_plugin, name))
		return tl_error_set(e, TL_ENVIRONMENT, "wanted tagloom_plugin to have the %u bytes that it says, got %zu; declare it as: const tl_plugin tagloom_plugin = { ... }", p->size_plugin, size);
	return 0;
}

/* Rows of an older, smaller struct, widened: structs only grow at their end. Both forms end with a row whose first pointer is NULL. */
static const void *
widen(const void *rows, size_t got, size_t host)
{
	const char *from = rows;
	char *to;
	size_t n = 0;

	if (!rows || got == host)
		return rows;
	while (n < 4096 && tl_readable(from + n * got, got) && *(const char *const *)(from + n * got))
		n++;
	to = tl_alloc((n + 1) * host);
	for (size_t i = 0; i < n; i++)
		memcpy(to + i * host, from + i * got, got);
	return to;
}

static const tl_plugin *
in_host_form(const tl_plugin *p)
{
	tl_plugin *w;

	if (p->size_plugin == sizeof *p && p->size_param == sizeof(tl_param) && p->size_weight == sizeof(tl_weight) && p->size_state == sizeof(tl_state) &&
	    p->size_slot == sizeof(tl_slot) && p->size_loss == sizeof(tl_loss) && p->size_module == sizeof(tl_module) && p->size_metric == sizeof(tl_metric) &&
	    p->size_reader == sizeof(tl_reader))
		return p;
	w = tl_alloc(sizeof *w); /* lives as long as the loaded file: for ever */
	memcpy(w, p, p->size_plugin);
	w->params = widen(w->params, p->size_param, sizeof(tl_param));
	w->weights = widen(w->weights, p->size_weight, sizeof(tl_weight));
	w->states = widen(w->states, p->size_state, sizeof(tl_state));
	w->reads = widen(w->reads, p->size_slot, sizeof(tl_slot));
	w->writes = widen(w->writes, p->size_slot, sizeof(tl_slot));
	w->losses = widen(w->losses, p->size_loss, sizeof(tl_loss));
	w->metrics = widen(w->metrics, p->size_metric, sizeof(tl_metric));
	if (w->module && tl_readable(w->module, p->size_module)) {
		tl_module *m = tl_alloc(sizeof *m);
		memcpy(m, w->module, p->size_module);
		w->module = m;
	}
	if (w->reader && tl_readable(w->reader, p->size_reader)) {
		tl_reader *r = tl_alloc(sizeof *r);
		memcpy(r, w->reader, p->size_reader);
		w->reader = r;
	}
	return w;
}

static int
check_names(const tl_candidate *c, const tl_plugin *p, tl_error *e)
{
	const char *kind = tl_kind_name(p->kind);

	if (c->kind && strcmp(c->kind, kind))
		return tl_error_set(e, TL_ENVIRONMENT, "wanted a plugin of kind %s (its folder says so), got %s; put it into the folder %ss", c->kind, kind, kind);
	if (strcmp(c->name, p->name))
		return tl_error_set(e, TL_ENVIRONMENT, "wanted the name \"%s\" (the file's), got \"%s\"; rename the file to %s.so, or change .name", c->name, p->name, p->name);
	return 0;
}

void
tl_plugin_load(tl_candidate *c)
{
	tl_error e = { 0 };
	tl_float_state state;
	char changed[120];
	const ElfW(Sym) *entry = NULL;
	Dl_info info;
	const void *symbol = NULL;

	if (c->plugin || c->why)
		return;
	if (look_at_file(c->path, &e) < 0)
		goto out;
	tl_loading_begins(c);
	tl_float_save(&state);
	c->handle = dlopen(c->path, RTLD_NOW | RTLD_LOCAL);
	tl_loading_ends();
	if (tl_float_restore(&state, changed, sizeof changed))
		tl_warning("%s: loading it changed the floating-point state (%s); it was put back. A library linked with -ffast-math does this", c->path, changed);
	if (!c->handle) {
		linker_error(c->path, dlerror(), &e);
		goto out;
	}
	symbol = dlsym(c->handle, "tagloom_plugin");
	if (!symbol || !dladdr1(symbol, &info, (void **)&entry, RTLD_DL_SYMENT) || !entry) {
		tl_error_set(&e, TL_ENVIRONMENT, "wanted the symbol tagloom_plugin, got a library without it; declare: const tl_plugin tagloom_plugin = { ... }");
		goto out;
	}
	if (check_header(symbol, entry->st_size, &e) < 0)
		goto out;
	c->plugin = in_host_form(symbol);
	if (tl_plugin_declared(c->plugin, true, &e) < 0 || check_names(c, c->plugin, &e) < 0) {
		c->plugin = NULL;
		goto out;
	}
	if (!c->kind)
		c->kind = tl_strdup(tl_kind_name(c->plugin->kind));
out:
	if (e.status) {
		c->why = tl_format("%s: %s", c->path, e.text);
		if (c->handle)
			dlclose(c->handle);
		c->handle = NULL;
	}
}
