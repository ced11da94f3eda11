package script_test

import (
	"bytes"
	"strings"
	"testing"

	"picket.internal/sensor/watch/internal/script"
)

func TestOf(t *testing.T) {
	const none = 0
	for _, c := range []struct {
		path, args string
		how        int
		file       string
	}{
		{"/usr/bin/cat", "cat evil.py", none, ""},
		{"/usr/bin/python3.11", "python3 evil.py --x", script.File, "evil.py"},
		{"/usr/bin/python3.11", "python3 -u -W ignore -Xdev /srv/a.py", script.File, "/srv/a.py"},
		{"/usr/bin/python3", "python3 -c print(1) evil.py", script.Inline, ""},
		{"/usr/bin/python3", "python3 -Ic print(1)", script.Inline, ""},
		{"/usr/bin/python3", "python3 -m http.server", script.Unknown, ""},
		{"/usr/bin/python3", "python3", script.Unknown, ""},
		{"/usr/bin/python3", "python3 -", script.Unknown, ""},
		{"/usr/bin/python3", "python3 -- -odd.py", script.File, "-odd.py"},
		{"/bin/dash", "/bin/sh /etc/init.d/x start", script.File, "/etc/init.d/x"},
		{"/bin/bash", "bash -o pipefail -ec id", script.Inline, ""},
		{"/bin/bash", "bash -eo pipefail x.sh", script.File, "x.sh"},
		{"/bin/bash", "bash +o history x.sh", script.File, "x.sh"},
		{"/bin/bash", "-bash", script.Unknown, ""},
		{"/bin/bash", "bash -s x", script.Unknown, ""},
		{"/bin/bash", "bash --rcfile /tmp/rc x.sh", script.File, "x.sh"},
		{"/bin/busybox", "sh x.sh", script.File, "x.sh"},
		{"/bin/busybox", "cat x.sh", none, ""},
		{"/usr/bin/perl5.36.0", "perl -w x.pl", script.File, "x.pl"},
		{"/usr/bin/perl", "perl -lane print", script.Inline, ""},
		{"/usr/bin/perl", "perl -I lib -MStrict x.pl", script.File, "x.pl"},
		{"/usr/bin/ruby3.1", "ruby -r json x.rb", script.File, "x.rb"},
		{"/usr/bin/node", "node --require ./a.js --inspect=1 b.js", script.File, "b.js"},
		{"/usr/bin/node", "node --eval 1", script.Inline, ""},
		{"/usr/bin/php8.2", "php -d a=b -f x.php", script.File, "x.php"},
		{"/usr/bin/php", "php -S 0:80", script.Unknown, ""},
		{"/usr/bin/lua5.4", "lua x.lua", script.File, "x.lua"},
		{"/usr/lib/R/bin/Rscript", "Rscript -e 1", script.Inline, ""},
		{"/usr/bin/java", "java -jar x.jar", none, ""},
		{"", "sh x", none, ""},
		{"/usr/bin/...", "x", none, ""},
	} {
		how, file := script.Of(c.path, bytes.Split([]byte(c.args), []byte(" ")))
		if how != c.how || string(file) != c.file {
			t.Errorf("%s: %q is %d, %q, want %d, %q", c.path, c.args, how, file, c.how, c.file)
		}
	}
}

// FuzzOf takes any arguments: what is found is one of them, or a part of one.
func FuzzOf(f *testing.F) {
	f.Add("/usr/bin/php", "php|-fx|-")
	f.Add("/bin/busybox", "|-")
	f.Fuzz(func(t *testing.T, path, args string) {
		how, file := script.Of(path, bytes.Split([]byte(args), []byte("|")))
		if how < 0 || how > script.Unknown || (how == script.File) != (file != nil) && len(file) > 0 || !strings.Contains(args, string(file)) {
			t.Fatalf("%d, %q", how, file)
		}
	})
}
