/* sandbox.test.c - what a script cannot do: start programs, write, read elsewhere, load machine or byte code, run for ever, differ between two loads. */
#include "lua/script.h"
#include "tap.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static tl_script *
load_for(const char *text, bool trust, int seconds, tl_error *e)
{
	if (tl_write_file("in/x.lua", text, strlen(text), e))
		return NULL;
	return tl_script_load("in/x.lua", &(tl_script_options){ .trust = trust, .seconds = seconds }, e);
}

static tl_script *
load(const char *text, bool trust, tl_error *e)
{
	return load_for(text, trust, 0, e);
}

#define END "\nreturn tl.experiment { name = 'x', data = tl.dataset { path = 'data' }, model = { tl.label.a { } } }"
#define HEAD "local tl = require 'tagloom'\n"

/* The Lua expression or statements run without an error. */
static void
runs(const char *what, const char *body)
{
	char *text = tl_format(HEAD "%s" END, body);
	tl_error e = { 0 };
	tl_script *s = load(text, false, &e);

	if (!ok(s != NULL, "%s", what))
		printf("# %s\n", e.text);
	tl_script_free(s);
	free(text);
}

static void
fails_for(const char *what, const char *body, int seconds, const char *words)
{
	char *text = tl_format(HEAD "%s" END, body);
	tl_error e = { 0 };
	tl_script *s = load_for(text, false, seconds, &e);

	ok(!s && e.status == TL_USAGE, "%s: refused", what);
	says(e.text, words, what);
	tl_script_free(s);
	free(text);
}

static void
fails(const char *what, const char *body, const char *words)
{
	fails_for(what, body, 0, words);
}

static void
put(const char *path, const char *text)
{
	tl_write_file(path, text, strlen(text), NULL);
}

static void
doors(void)
{
	runs("there is no debug and no package", "assert(debug == nil and package == nil and _ENV.debug == nil)");
	runs("the real globals are not reachable", "assert(_G.debug == nil and _G.package == nil and getmetatable('').__index == nil)");
	fails("os.execute", "os.execute('true')", "in/x.lua:2: os.execute: not for scripts");
	fails("io.popen", "io.popen('true')", "io.popen: not for scripts");
	fails("os.remove", "os.remove('in/note.txt')", "os.remove: not for scripts");
	fails("os.exit", "os.exit(0)", "os.exit: not for scripts");
	fails("os.getenv", "os.getenv('HOME')", "os.getenv: not for scripts");
	fails("writing", "io.open('in/new', 'w')", "scripts read only");
	fails("appending", "io.open('in/note.txt', 'a')", "scripts read only");
	fails("reading and writing", "io.open('in/note.txt', 'r+')", "scripts read only");
	runs("a file that was opened cannot be written", "local f = io.open('note.txt')\nassert(not f:write('x') or not f:flush())");
	runs("a file's methods lead nowhere", "local f = io.open('note.txt')\nassert(getmetatable(f) == 'file')");
	fails("bytecode in load", "assert(load('\\27Lua', 'x', 'b'))", "bytecode");
	fails("bytecode in disguise", "assert(load('\\27Lua\\x54\\0\\x19\\x93', 'x'))", "attempt to load a binary chunk");
	fails("bytecode in pieces", "local n = 0\nassert(load(function() n = n + 1 return n == 1 and '\\27Lua' or nil end))", "attempt to load a binary chunk");
	fails("bytecode in a file", "assert(loadfile('code.lua'))", "attempt to load a binary chunk");
	fails("bytecode by require", "require 'code'", "attempt to load a binary chunk");
	runs("there is no string.dump", "assert(string.dump == nil and ('').dump == nil)");
	runs("load sees the script's globals only", "assert(load('return debug')() == nil and load('return os.execute ~= nil')())");
	fails("finalisers", "setmetatable({ }, { __gc = function() while true do end end })", "__gc is not for scripts");
	fails("require of a C module", "require 'lpeg'", "no such Lua file under the script's folder");
	fails("require of a path upwards", "require '...outside'", "no such Lua file");
	fails("require by a slash", "require '../outside'", "no such Lua file");
	fails("require through a link", "require 'link'", "require \"link\"");
	fails("a module that requires itself", "require 'self'", "requires itself");
	fails("collectgarbage", "collectgarbage('stop')", "only \"collect\" and \"count\"");
	fails("the module is closed", "tl.experiment = print", "cannot be changed");
	fails("so are its families", "tl.label.classifier = print", "cannot be changed");
}

static void
files(void)
{
	char *elsewhere, *body;

	runs("a file beside the script", "assert(io.open('note.txt'):read('a') == 'hello\\n')\nfor l in io.lines('note.txt') do assert(l == 'hello') end");
	runs("the same by the working folder", "assert(io.open('in/note.txt'))");
	runs("a file of a data path, once it is named", "assert(not io.open('data/train.jsonl'))\ntl.dataset { path = 'data' }\nassert(io.open('data/train.jsonl'):read('l') == '{}')");
	runs("/etc/passwd", "local f, why = io.open('/etc/passwd')\nassert(not f and why:find('not under the script', 1, true), why)");
	runs("a file above", "local f, why = io.open('in/../outside.lua')\nassert(not f and why:find('not under', 1, true), why)");
	runs("a link that leads outside", "local f, why = io.open('link.lua')\nassert(not f and why:find('not under', 1, true), why)");
	runs("a folder", "local f, why = io.open('.')\nassert(not f, why)");
	runs("a pipe would wait for ever", "local f, why = io.open('fifo')\nassert(not f and why:find('not an ordinary file', 1, true), why)");
	runs("no file", "local f, why = io.open('nothing')\nassert(not f and why:find('no such file', 1, true), why)");
	runs("require, by dots, once", "assert(require 'lib.one' == require 'lib.one' and require('lib.one').n == 1)");
	runs("what is required has the script's globals", "assert(require 'lib.sees' == 'nothing' and dofile('lib/sees.lua') == 'nothing')");
	runs("dofile and loadfile", "assert(dofile('lib/one.lua').n == 1)\nlocal e = { }\nlocal f = loadfile('lib/env.lua', 't', e)\nf()\nassert(e.set == 3)");
	elsewhere = realpath("outside.lua", NULL);
	body = tl_format("assert(not loadfile('%s'))", elsewhere);
	runs("loadfile of an absolute path outside", body);
	free(body);
	free(elsewhere);
}

static void
limits(void)
{
	fails("an endless loop", "while true do end", "in/x.lua:2: the script did not end after");
	fails("an endless loop in pcall in a loop", "while true do pcall(function() while true do end end) end", "did not end after");
	fails("an endless loop in coroutines", "while true do coroutine.wrap(function() while true do end end)() end", "did not end after");
	/* a machine that is short of pages takes long to give so many */
	fails_for("too much memory", "local t = { }\nfor i = 1, 1 << 40 do t[i] = ('x'):rep(1 << 20) .. i end", 3600, "MiB of memory");
	fails("too much memory at once", "local s = ('x'):rep(2000000000)", "memory");
	runs("nothing many times", "assert((''):rep(1 << 50) == '' and ('a'):rep(3, ',') == 'a,a,a')");
	fails("a long move", "table.move({ }, 1, 1 << 50, 2)", "table.move: too many elements");
	fails("a table that lies about its length", "table.insert(setmetatable({ }, { __len = function() return 1 << 50 end }), 1, 1)", "too long");
	fails("endless recursion", "local function f() return 1 + f() end\nf()", "stack overflow");
}

static void
tell_stuck(const char *sentence)
{
	_exit(write(2, "# ", 2) == 2 && write(2, sentence, strlen(sentence)) > 0 && strstr(sentence, "one call of a library function") ? 7 : 8);
}

/* How a process ends whose script may compute for a second. */
static int
ends(const char *body)
{
	char *text = tl_format(HEAD "%s" END, body);
	tl_error e = { 0 };
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		if (tl_write_file("in/x.lua", text, strlen(text), &e) || tl_script_load("in/x.lua", &(tl_script_options){ .seconds = 1, .stuck = tell_stuck }, &e))
			_exit(0);
		_exit(strstr(e.text, "in/x.lua:2: the script did not end after 1 s of computing") ? 6 : 5);
	}
	waitpid(pid, &status, 0);
	free(text);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* One instruction of Lua can compute for a long time; what is counted then are seconds. */
static void
seconds(void)
{
	ok(ends("while true do local s = ('x'):rep(1 << 24) .. 'y' end") == 6, "few instructions that take long: a sentence with the line");
	ok(ends("while true do pcall(function() while true do local s = ('x'):rep(1 << 24) end end) end") == 6, "in pcall, too");
	ok(ends("local s = ('a'):rep(3000)\nlocal found = s:find('a*a*a*a*a*a*b')") == 7, "one call that never returns: the caller is told");
	ok(ends("coroutine.wrap(function() local s = ('a'):rep(3000)\nlocal n = s:gsub('a-a-a-a-a-b', '') end)()") == 7, "in a coroutine, too");
	ok(ends("local s = ('a'):rep(3000)\nassert(not s:find('a*b'))") == 0, "a script that is quick enough goes on");
}

static void
sameness(void)
{
	const char *text = HEAD "local s = ''\nfor k in pairs { a = 1, b = 2, c = 3, zebra = 4, [1] = 5, [2.5] = 6, d = 7 } do s = s .. k .. ' ' end\n"
	                   "return tl.experiment { name = s .. math.random(1 << 30) .. ' ' .. math.random(), data = tl.dataset { path = 'data' }, model = { tl.label.a { } } }";
	tl_error e = { 0 };
	tl_script *a = load(text, false, &e), *b = load(text, false, &e);
	const char *name = a ? tl_json_string(json_array_get(tl_script_experiments(a), 0), "name", "") : e.text;

	ok(a && b && json_equal(tl_script_experiments(a), tl_script_experiments(b)), "two loads give the same experiments");
	says(name, "1 2.5 a b c d zebra ", "pairs goes by numbers, then names");
	fails("a seed of the moment", "math.randomseed()", "another script every time");
	runs("a seed that is given", "math.randomseed(3)\nlocal a = math.random(1000)\nmath.randomseed(3)\nassert(a == math.random(1000))");
	tl_script_free(a);
	tl_script_free(b);
}

static void
sources(void)
{
	tl_error e = { 0 };
	tl_script *s = load("#!/usr/bin/env tagloom\nlocal tl = require 'tagloom'\nlocal one = require 'lib.one'\nlocal note = io.open('note.txt'):read('a')\n"
	                    "return tl.experiment { name = note:sub(1, 5) .. one.n, data = tl.dataset { path = 'data' }, model = { tl.label.a { } } }", false, &e);
	json_t *kept = s ? json_deep_copy(tl_script_sources(s)) : NULL, *first = s ? json_deep_copy(tl_script_experiments(s)) : NULL;
	const char *text = json_string_value(json_object_get(kept, "x.lua"));

	ok(s && text && json_object_get(kept, "lib/one.lua") && json_object_get(kept, "note.txt") && json_object_size(kept) == 3, "every file that was read is kept%s%s", s ? "" : ": ", e.text);
	tl_script_free(s);
	/* The same from what was kept alone, in a folder that is not there. */
	s = tl_script_load("/nowhere/x.lua", &(tl_script_options){ .text = text, .sources = kept }, &e);
	ok(s && json_array_size(tl_script_experiments(s)) == 1 &&
	           tl_streq(tl_json_string(json_array_get(tl_script_experiments(s), 0), "name", NULL), tl_json_string(json_array_get(first, 0), "name", "")),
	   "and is enough to load the script again%s%s", s ? "" : ": ", e.text);
	tl_script_free(s);
	json_decref(kept);
	json_decref(first);
}

static void
trust(void)
{
	tl_error e = { 0 };
	tl_script *s = load(HEAD "assert(os.execute('true') and debug and package and io.open('/etc/passwd') and string.dump)" END, true, &e);

	ok(s != NULL, "--trust lifts it all%s%s", s ? "" : ": ", e.text);
	tl_script_free(s);
	e = (tl_error){ 0 };
	ok(!tl_script_load("none.lua", &(tl_script_options){ 0 }, &e) && e.status == TL_USAGE, "a script that is not there");
	e = (tl_error){ 0 };
	s = load("\xff\xfe", false, &e);
	says(e.text, "UTF-8", "a script that is no text");
	tl_script_free(s);
}

int
main(void)
{
	mkdir("in", 0777);
	mkdir("in/lib", 0777);
	mkdir("data", 0777);
	put("in/note.txt", "hello\n");
	put("in/lib/one.lua", "return { n = 1 }\n");
	put("in/lib/env.lua", "set = 3\n");
	put("in/lib/sees.lua", "return (debug or package or _G.debug or os.execute == nil) and 'something' or 'nothing'\n");
	put("in/self.lua", "return require 'self'\n");
	put("in/code.lua", "\033Lua");
	put("outside.lua", "return 1\n");
	put("data/train.jsonl", "{}\n");
	ok(!symlink("../outside.lua", "in/link.lua") && !mkfifo("in/fifo", 0600), "files for the test");
	doors();
	files();
	limits();
	seconds();
	sameness();
	sources();
	trust();
	return done();
}
