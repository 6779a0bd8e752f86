package peers

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCapnp(t *testing.T) {
	text := capnp([]string{"main.mjs", "app.wasm"})
	require.Contains(t, text, "    (name = \"main.mjs\", esModule = embed \"main.mjs\"),\n    (name = \"app.wasm\", wasm = embed \"app.wasm\"),\n")
}

func TestJavaScriptIsKilledAndStartedAgain(t *testing.T) {
	env := &Env{Root: filepath.Join("..", "..", ".."), Temp: t.TempDir()}
	if _, err := env.workerd(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("workerd is not installed, so nothing is tested on it; `npm ci` at the module's root installs it")
	}
	server, err := JavaScript.Start(t.Context(), env)
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Stop()) }()
	healthy := func() error {
		resp, err := http.Get("http://" + server.Addr + "/healthz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, "ok", string(body))
		return nil
	}
	require.NoError(t, healthy())
	pid := server.PID
	require.NoError(t, server.Kill())
	require.Error(t, healthy())
	require.NoError(t, server.Start(context.Background()))
	require.NotEqual(t, pid, server.PID)
	require.NoError(t, healthy())
}
