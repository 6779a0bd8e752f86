package localrunner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/localrunner/internal/storage"
	"github.com/hubbub-edge/hubbub/localrunner/internal/wrangler"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func describes(classes ...string) []byte {
	var d abi.Description
	for _, name := range classes {
		d.Classes = append(d.Classes, abi.ClassDescription{Name: name, MaxBody: 1, SessionBuffer: 1, Heartbeat: time.Second})
	}
	return abi.AppendDescription(nil, &d)
}

func TestNewRefuses(t *testing.T) {
	newer := describes("Hub")
	newer[0] = 99
	garbage := filepath.Join(t.TempDir(), "garbage.wasm")
	require.NoError(t, os.WriteFile(garbage, []byte("this is no Wasm"), 0o644))
	for name, c := range map[string]struct{ wasm, message string }{
		"a program that is missing":     {filepath.Join(t.TempDir(), "missing.wasm"), "the program is not built"},
		"what is no Wasm":               {garbage, "garbage.wasm"},
		"a program that is no Worker":   {tinyProgram{}.write(t), "must call worker.Serve"},
		"a program that waits":          {tinyProgram{unready: true}.write(t), "did not get ready in 100ms"},
		"a program that blocks":         {tinyProgram{exports: true}.write(t), "blocked"},
		"a malformed description":       {tinyProgram{exports: true, describe: []byte{1, 0, 0, 0, 7}}.write(t), "malformed"},
		"another version":               {tinyProgram{exports: true, describe: newer}.write(t), "speaks version 99"},
		"a class that is not bound":     {tinyProgram{exports: true, describe: describes("Hub", "Room")}.write(t), `the program's class "Room" has no Durable Object binding`},
		"a binding that has no class":   {tinyProgram{exports: true, describe: describes()}.write(t), `binds the class "Hub", which the program does not have`},
		"a program for another machine": {notGo(t), "it was not built with GOOS=js"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			opts := Options{Config: writeConfig(t, c.wasm, ""), CacheDir: "none", Storage: dir, bootTimeout: 100 * time.Millisecond}
			r, err := New(opts)
			require.Nil(t, r)
			assert.ErrorContains(t, err, c.message)
			t.Log(err)
			store, err := storage.Open(dir, storage.Options{})
			require.NoError(t, err, "what New had taken is free again")
			require.NoError(t, store.Close())
		})
	}
	var version *abi.VersionError
	_, err := New(Options{Config: writeConfig(t, tinyProgram{exports: true, describe: newer}.write(t), ""), CacheDir: "none"})
	assert.ErrorAs(t, err, &version)
	assert.Equal(t, &abi.VersionError{Program: 99, Host: abi.Version}, version)
}

// notGo is the smallest module there is.
func notGo(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "wrangler.wasm")
	require.NoError(t, os.WriteFile(path, []byte("\x00asm\x01\x00\x00\x00"), 0o644))
	return path
}

func TestNewRefusesConfigurations(t *testing.T) {
	_, err := New(Options{Config: filepath.Join(t.TempDir(), "wrangler.toml")})
	assert.ErrorIs(t, err, os.ErrNotExist)
	_, err = New(Options{Config: writeConfig(t, built.wasm, "kv_namespaces = []")})
	assert.ErrorIs(t, err, wrangler.ErrConfig)
	_, err = New(Options{Config: writeConfig(t, built.wasm, "[assets]\ndirectory = \"missing\"")})
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestStorageInUse(t *testing.T) {
	dir := t.TempDir()
	store, err := storage.Open(dir, storage.Options{})
	require.NoError(t, err)
	defer store.Close()
	_, err = New(Options{Config: writeConfig(t, built.wasm, ""), Storage: dir})
	var locked *storage.LockedError
	require.ErrorAs(t, err, &locked)
	assert.Equal(t, os.Getpid(), locked.PID)
}

func TestSummaryAndVars(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, Options{
		Config:   writeConfig(t, built.wasm, "[vars]\nONE = \"1\"\nTWO = \"2\""),
		Vars:     map[string]string{"TWO": "zwei"},
		Storage:  dir,
		Isolates: 3,
	})
	for _, line := range []string{"test: ", "classes   Hub\n", "isolates  3\n", dir} {
		assert.Contains(t, s.Summary(), line)
	}
	assert.Equal(t, "1", s.do("GET", "/handler/env?name=ONE", "", "").body)
	assert.Equal(t, "zwei", s.do("GET", "/handler/env?name=TWO", "", "").body)
}

func TestLostAtClose(t *testing.T) {
	s := serve(t, Options{Isolates: 1})
	s.subscribe("a").leave()
	s.isolates[0].inst.Kill(errors.New("on purpose"))
	require.NoError(t, s.Close(context.Background()))
}
