package localrunner

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAssets(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "public")
	require.NoError(t, os.MkdirAll(filepath.Join(root, "sub"), 0o755))
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("secret.txt", "secret")
	write("public/index.html", "<p>home</p>")
	write("public/app.js", "1")
	write("public/a b.txt", "spaced")
	write("public/sub/index.html", "<p>sub</p>")
	require.NoError(t, os.Symlink(filepath.Join(dir, "secret.txt"), filepath.Join(root, "link.txt")))
	s := serve(t, Options{Config: writeConfig(t, built.wasm, "[assets]\ndirectory = '"+root+"'")})

	for path, want := range map[string]string{
		"/":              "<p>home</p>",
		"/?x=1":          "<p>home</p>",
		"/app.js":        "1",
		"/a%20b.txt":     "spaced",
		"/sub/":          "<p>sub</p>",
		"//app.js":       "1",
		"/sub/./":        "<p>sub</p>",
		"/hubs/a":        `{"hub":"a","sessions":0,"lastEventId":""}`,
		"/healthz":       "ok",
		"/hubs/app.js":   `{"hub":"app.js","sessions":0,"lastEventId":""}`,
		"/handler/hello": "hello, handler\n",
	} {
		a := s.do("GET", path, "", "")
		assert.Equal(t, 200, a.StatusCode, path)
		assert.Equal(t, want, a.body, path)
	}
	for _, path := range []string{
		"/missing", "/sub", "/secret.txt", "/link.txt", "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt",
		"/sub/../../secret.txt", "/..%5csecret.txt", "/app.js%00", "/app.js/",
	} {
		a := s.do("GET", path, "", "")
		assert.GreaterOrEqual(t, a.StatusCode, 400, path)
		assert.NotContains(t, a.body, "secret\n", path)
		assert.NotEqual(t, "secret", a.body, path)
	}

	head := s.do("HEAD", "/app.js", "", "")
	assert.Equal(t, 200, head.StatusCode)
	assert.Equal(t, "1", head.Header.Get("Content-Length"))
	assert.Contains(t, head.Header.Get("Content-Type"), "text/javascript")
	assert.Equal(t, "public, max-age=0, must-revalidate", head.Header.Get("Cache-Control"))
	assert.Equal(t, 404, s.do("POST", "/app.js", "", "").StatusCode, "it goes to the program")

	tag := head.Header.Get("ETag")
	require.NotEmpty(t, tag)
	revalidate := func() int {
		req, err := http.NewRequest("GET", s.url+"/app.js", nil)
		require.NoError(t, err)
		req.Header.Set("If-None-Match", tag)
		res, err := s.http.Do(req)
		require.NoError(t, err)
		res.Body.Close()
		return res.StatusCode
	}
	assert.Equal(t, 304, revalidate())
	path := filepath.Join(root, "app.js")
	info, err := os.Stat(path)
	require.NoError(t, err)
	write("public/app.js", "2")
	require.NoError(t, os.Chtimes(path, time.Time{}, info.ModTime().Add(time.Millisecond)))
	assert.Equal(t, 200, revalidate(), "an edit within the same second is seen")
}
