package testhost

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadWrangler(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wrangler.toml")
	require.NoError(t, os.WriteFile(path, []byte("name = \"x\"\n[assets]\ndirectory = \"a\"\n[[migrations]]\ntag = \"v1\"\nnew_sqlite_classes = [\"Hub\"]\n"), 0o600))
	c, err := readWrangler(path)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(filepath.Dir(path), "a"), c.Assets.Directory)
	require.Equal(t, map[string]bool{"Hub": true}, c.sqliteClasses())

	require.NoError(t, os.WriteFile(path, []byte("name = \"x\"\n[[kv_namespaces]]\nbinding = \"KV\"\n"), 0o600))
	_, err = readWrangler(path)
	require.Error(t, err, "a setting that is not carried out must not be passed over")
}

func TestReadWranglerOfThePrograms(t *testing.T) {
	for _, p := range []Program{App, TestWorker} {
		c, err := readWrangler(p.config(root(t)))
		require.NoError(t, err)
		for _, b := range c.DurableObjects.Bindings {
			require.True(t, c.sqliteClasses()[b.ClassName], "%s: no migration makes the class %s", p, b.ClassName)
		}
	}
}
