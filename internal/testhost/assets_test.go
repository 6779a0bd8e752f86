package testhost

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestManifest(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	for _, name := range []string{"index.html", "about.html", "app.js", "sub/index.html", "sub/a.svg", "what"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(name), 0o600))
	}
	got, err := manifest(dir)
	require.NoError(t, err)
	served := map[string]string{}
	for at, a := range got {
		served[at] = a.File + a.Location
	}
	require.Equal(t, map[string]string{
		"/": "/index.html", "/index.html": "/", "/about": "/about.html", "/about.html": "/about", "/app.js": "/app.js",
		"/sub/": "/sub/index.html", "/sub/index.html": "/sub/", "/sub/a.svg": "/sub/a.svg", "/what": "/what",
	}, served)
	require.Equal(t, "text/javascript; charset=utf-8", got["/app.js"].Type)
	require.Equal(t, "application/octet-stream", got["/what"].Type)
	require.NotEqual(t, got["/"].ETag, got["/about"].ETag)
}
