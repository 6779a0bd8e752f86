package storage

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestFileName(t *testing.T) {
	tests := map[string]string{
		"lobby":                  "lobby",
		"Lobby":                  "+lobby",
		"LOBBY":                  "+l+o+b+b+y",
		"room-1_b.2":             "room-1_b.2",
		"a/b":                    "a%2fb",
		`a\b:c*?"<>|`:            "a%5cb%3ac%2a%3f%22%3c%3e%7c",
		"..":                     "%2e%2e",
		".hidden":                "%2ehidden",
		"-rf":                    "%2drf",
		"dot.":                   "dot%2e",
		"space ":                 "space%20",
		"+a~%":                   "%2ba%7e%25",
		"é":                      "%c3%a9",
		"e\u0301":                "e%cc%81",
		"con":                    "%63on",
		"CON":                    "%43+o+n",
		"con.txt":                "%63on.txt",
		"con .txt":               "%63on%20.txt",
		"com7":                   "%63om7",
		"comma":                  "comma",
		"x.sqlite-wal":           "x.sqlite-wal",
		"x.sqlite.damaged-1":     "x.sqlite.damaged-1",
		strings.Repeat("x", 200): strings.Repeat("x", 200),
	}
	for name, want := range tests {
		assert.Equal(t, want, fileName(name), "%q", name)
	}
	assert.Regexp(t, `^x{160}~[a-z2-7]{26}$`, fileName(strings.Repeat("x", 256)))
	assert.Regexp(t, `^(%c3%a9){26}%c3~[a-z2-7]{26}$`, fileName(strings.Repeat("é", 128)), "not cut inside an escape")
}

var safeName = regexp.MustCompile(`^[a-z0-9%+_][a-z0-9%+_.~-]*$`)

// checkFileNames holds two names against what any file system may do to them.
func checkFileNames(t *testing.T, a, b string) {
	t.Helper()
	for _, s := range []string{a, b} {
		f := fileName(s)
		assert.Regexp(t, safeName, f, "%q", s)
		assert.NotRegexp(t, `\.$`, f, "%q", s)
		assert.LessOrEqual(t, len(f), maxFileName, "%q", s)
	}
	if (fileName(a) == fileName(b)) != (a == b) {
		t.Errorf("%q and %q are %q and %q", a, b, fileName(a), fileName(b))
	}
}

func TestFileNamesDoNotCollide(t *testing.T) {
	// Few characters, so that random names are near each other, and what an escape could confuse.
	alphabet := []string{"a", "A", "x", "+", "%", "~", ".", "-", "2", "e", "f", "/", "é", "E\u0301", " ", "con", strings.Repeat("l", 90)}
	rng := rand.New(rand.NewPCG(1, 2))
	random := func() string {
		var b strings.Builder
		for range 1 + rng.IntN(5) {
			b.WriteString(alphabet[rng.IntN(len(alphabet))])
		}
		return b.String()
	}
	seen := make(map[string]string)
	for range 20_000 {
		name := random()
		file := fileName(name)
		if other, ok := seen[file]; ok && other != name {
			t.Fatalf("%q and %q are both %q", name, other, file)
		}
		seen[file] = name
		if len(seen)%50 == 0 {
			checkFileNames(t, name, random())
		}
	}
}

func FuzzFileName(f *testing.F) {
	f.Add("lobby", "Lobby")
	f.Add("a/b", "a%2fb")
	f.Add("+a", "A")
	f.Add("con", "CON")
	f.Add("%63on", "con")
	f.Add(strings.Repeat("x", 300), strings.Repeat("x", 301))
	f.Add(strings.Repeat("é", 100), strings.Repeat("é", 100)+"~")
	f.Add(".", "..")
	f.Fuzz(func(t *testing.T, a, b string) {
		if a == "" || b == "" {
			return
		}
		checkFileNames(t, a, b)
	})
}
