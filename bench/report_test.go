package main

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

func sample() *Report {
	s := &Section{
		Name: "x", Title: "A section", Note: "How it was measured.",
		Labels:  []string{"host", "load"},
		Metrics: []Metric{{"rate", "a/s", 0}, {"ms", "ms", 2}},
	}
	row := s.row("one", "a|b")
	row.set("rate", 1234567.8)
	row.set("ms", math.NaN())
	s.row("two", "c").set("ms", -1234.567)
	s.goal(Goal{What: "rate", Value: 1234567.8, Bound: 20, Unit: "a/s", AtLeast: true})
	s.goal(Goal{What: "time", Value: 6.126, Bound: 6, Unit: "ms"})
	s.problem("it went %s:\nbadly", "wrong")
	return &Report{
		Environment: Environment{
			Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Commit: "abc", Go: "go1", Platform: "os/cpu", CPU: "a CPU",
			Cores: 2, Load: "0 1 2", Peers: map[string]string{"b": "v2", "a": "v1"}, names: []string{"b", "a"},
		},
		Sections: []*Section{s, {Name: "empty", Title: "Nothing"}},
	}
}

func TestMarkdown(t *testing.T) {
	golden := filepath.Join("testdata", "report.md")
	got := sample().Markdown()
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	file, err := sample().write(dir)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "2026-01-02T030405Z.json"), file)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	var got Report
	require.NoError(t, json.Unmarshal(b, &got))
	want := sample()
	want.Environment.names = nil
	require.Equal(t, want, &got, "nothing is lost on the way")
	require.FileExists(t, filepath.Join(dir, "2026-01-02T030405Z.md"))
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string]string{"0": "0", "999": "999", "1000": "1,000", "-1234567.25": "-1,234,567.25", "-12.5": "-12.5"} {
		assert.Equal(t, want, thousands(text))
	}
	for v, want := range map[float64]string{0: "0", 0.1234: "0.123", 6: "6", 6.126: "6.13", 58.46: "58.5", 12345.6: "12,346", 100: "100", 2.5: "2.5"} {
		assert.Equal(t, want, significant(v))
	}
	assert.Equal(t, 2.0, median([]float64{3, 1, 2}))
	assert.Equal(t, 1.5, median([]float64{2, 1}))
	assert.True(t, math.IsNaN(median(nil)))
}

func TestGoal(t *testing.T) {
	assert.True(t, Goal{Value: 20, Bound: 20, AtLeast: true}.Met())
	assert.False(t, Goal{Value: 19, Bound: 20, AtLeast: true}.Met())
	assert.True(t, Goal{Value: 6, Bound: 6}.Met())
	assert.False(t, Goal{Value: 6.1, Bound: 6}.Met())
}

func TestIntegers(t *testing.T) {
	got, err := integers("100,9000")
	require.NoError(t, err)
	assert.Equal(t, []int{100, 9000}, got)
	for _, bad := range []string{"", "1,", "0", "-1", "x"} {
		_, err := integers(bad)
		assert.Error(t, err, bad)
	}
}

func TestCPUModel(t *testing.T) {
	assert.Equal(t, "A: CPU", cpuModel([]byte("processor\t: 0\nmodel name\t: A: CPU\n")))
	assert.Equal(t, "unknown", cpuModel([]byte("processor\t: 0\n")))
}

func TestMeter(t *testing.T) {
	m := &meter{pid: os.Getpid()}
	m.read()
	_, ok := m.cpu()
	assert.False(t, ok, "it takes two readings")
	m.pid = 1 << 30
	m.read()
	_, ok = m.cpu()
	assert.False(t, ok, "a reading has failed")
}
