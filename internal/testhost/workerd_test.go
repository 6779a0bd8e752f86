package testhost

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWorkerdServesAssetsFirst(t *testing.T) {
	h := Workerd(t, App, Options{})
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	do := func(method, path, etag string) *http.Response {
		req, err := http.NewRequest(method, h.URL()+path, nil)
		require.NoError(t, err)
		if etag != "" {
			req.Header.Set("If-None-Match", etag)
		}
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		return resp
	}
	page := do(http.MethodGet, "/", "")
	require.Equal(t, "text/html; charset=utf-8", page.Header.Get("Content-Type"))
	require.Equal(t, http.StatusNotModified, do(http.MethodGet, "/", page.Header.Get("ETag")).StatusCode)
	require.Equal(t, page.ContentLength, do(http.MethodHead, "/", "").ContentLength)
	require.Equal(t, "/?a=b", do(http.MethodGet, "/index.html?a=b", "").Header.Get("Location"))
	require.Equal(t, http.StatusNotFound, do(http.MethodGet, "/constructor", "").StatusCode, "a path is not a property of every object")
	require.Equal(t, "application/problem+json", do(http.MethodPost, "/", "").Header.Get("Content-Type"), "what no asset answers is the program's")
}

func TestWorkerdWithoutAssets(t *testing.T) {
	h := Workerd(t, App, Options{NoAssets: true})
	resp, err := http.Get(h.URL() + "/")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

// verdict records how a test would have ended, by panicking with it.
type verdict struct{ testing.TB }

func (verdict) Helper()               {}
func (verdict) Skip(...any)           { panic("skipped") }
func (verdict) Fatalf(string, ...any) { panic("failed") }

func TestMissingWorkerdSkipsButNotInCI(t *testing.T) {
	empty := t.TempDir()
	t.Setenv("CI", "")
	require.PanicsWithValue(t, "skipped", func() { requireWorkerd(verdict{t}, empty) })
	t.Setenv("CI", "true")
	require.PanicsWithValue(t, "failed", func() { requireWorkerd(verdict{t}, empty) })
}

func TestCopyBundle(t *testing.T) {
	from, to := t.TempDir(), filepath.Join(t.TempDir(), "bundle")
	for _, name := range []string{"README.md", "a.wasm", "main.js", "main.js.map"} {
		require.NoError(t, os.WriteFile(filepath.Join(from, name), nil, 0o600))
	}
	modules, err := copyBundle(to, from, "src/main.mjs")
	require.NoError(t, err)
	require.Equal(t, []string{"main.js", "a.wasm"}, modules)
	_, err = copyBundle(to+"2", from, "src/other.mjs")
	require.ErrorContains(t, err, "other.js")
}
