package actor_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/stretchr/testify/assert"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "lobby", "a/b", "a b", "größe", "👋", ".", strings.Repeat("x", 256)} {
		assert.NoError(t, actor.CheckName(name), "%q", name)
	}
	for _, name := range []string{"", strings.Repeat("x", 257), "a\nb", "a\x00", "\x7f", "a\u0085b", "\xff"} {
		assert.ErrorIs(t, actor.CheckName(name), actor.ErrName, "%q", name)
	}
}

func TestSplitPath(t *testing.T) {
	for _, c := range []struct {
		path, name, rest string
		ok               bool
	}{
		{"/hubs/a", "a", "", true},
		{"/hubs/a/", "a", "/", true},
		{"/hubs/a/events", "a", "/events", true},
		{"/hubs/a%2Fb/events", "a/b", "/events", true},
		{"/hubs/%F0%9F%91%8B", "👋", "", true},
		{"/other/a", "", "", false},
	} {
		name, rest, ok, err := actor.SplitPath(c.path, "/hubs/")
		assert.NoError(t, err, c.path)
		assert.Equal(t, []any{c.name, c.rest, c.ok}, []any{name, rest, ok}, c.path)
	}
	for _, path := range []string{"/hubs/", "/hubs//events", "/hubs/%zz", "/hubs/%ff", "/hubs/a%00"} {
		_, _, ok, err := actor.SplitPath(path, "/hubs/")
		assert.True(t, ok, path)
		assert.ErrorIs(t, err, actor.ErrName, path)
	}
}

func FuzzSplitPath(f *testing.F) {
	f.Add("/hubs/a%2Fb/events")
	f.Add("/hubs/%zz")
	f.Fuzz(func(t *testing.T, path string) {
		name, _, ok, err := actor.SplitPath(path, "/hubs/")
		if ok && err == nil {
			assert.NoError(t, actor.CheckName(name))
		}
	})
}

func TestProgramRefuses(t *testing.T) {
	class := func(change func(*actor.Class)) actor.Program {
		c := actor.Class{Name: "Hub", Path: "/hubs/", New: func() actor.Hub { return nil }}
		change(&c)
		return actor.Program{Classes: []actor.Class{c}}
	}
	for name, p := range map[string]actor.Program{
		"is not an identifier": class(func(c *actor.Class) { c.Name = "a-b" }),
		"New is nil":           class(func(c *actor.Class) { c.New = nil }),
		"slash":                class(func(c *actor.Class) { c.Path = "/hubs" }),
		"negative":             class(func(c *actor.Class) { c.MaxBody = -1 }),
		"heartbeat":            class(func(c *actor.Class) { c.Heartbeat = time.Millisecond }),
		"limit of the log":     class(func(c *actor.Class) { c.Log.Count = -1 }),
		"two classes": {Classes: []actor.Class{
			{Name: "A", New: func() actor.Hub { return nil }}, {Name: "A", New: func() actor.Hub { return nil }},
		}},
	} {
		_, err := actor.NewFront(p)
		assert.ErrorIs(t, err, actor.ErrProgram, name)
		assert.ErrorContains(t, err, name)
	}
}
