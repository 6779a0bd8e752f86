package peers

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// tb lets package testhost, which is made for tests, work for the bench: what it fails is an error, and what it cleans
// up, it does at close.
type tb struct {
	testing.TB // only what is below is called
	temp       string
	cleanups   []func()
}

// failure is what a tb panics with.
type failure struct{ error }

// try runs fn, which may fail the tb. The tb is closed then.
func (t *tb) try(fn func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			t.close()
			err = p.error
		default:
			panic(p)
		}
	}()
	fn()
	return nil
}

func (t *tb) close() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
	t.cleanups = nil
}

func (t *tb) Helper()                           {}
func (t *tb) Logf(string, ...any)               {}
func (t *tb) Failed() bool                      { return false }
func (t *tb) Cleanup(fn func())                 { t.cleanups = append(t.cleanups, fn) }
func (t *tb) Fatal(args ...any)                 { panic(failure{errors.New(fmt.Sprint(args...))}) }
func (t *tb) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }
func (t *tb) Skip(args ...any)                  { t.Fatal(args...) }

func (t *tb) TempDir() string {
	dir, err := os.MkdirTemp(t.temp, "host")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
