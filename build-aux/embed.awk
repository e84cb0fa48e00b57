# embed.awk - texts as C: every file named on the command line becomes one row { path, text } of tl_embedded.
# POSIX awk; src is the prefix that is cut from the paths.
function path(f) { return substr(f, length(src) + 1) }
BEGIN {
	print "/* made by build-aux/embed.awk */"
	print "#include \"base/base.h\""
	print "const struct tl_embedded tl_embedded[] = {"
	for (i = 1; i < ARGC; i++) {
		printf "{ \"%s\",\n", path(ARGV[i])
		empty = 1
		while ((getline line < ARGV[i]) > 0) {
			gsub(/\\/, "&&", line) # "&&" doubles it in every awk; how many backslashes a replacement needs differs between them
			gsub(/"/, "\\\\&", line)
			gsub(/\?/, "\\?", line)
			gsub(/\t/, "\\t", line)
			gsub(/\r/, "\\r", line)
			printf "\"%s\\n\"\n", line
			empty = 0
		}
		if (empty)
			print "\"\""
		close(ARGV[i])
		print "},"
	}
	print "{ NULL, NULL } };"
}
