package conformance

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCasesAreNamedAndExplained(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Cases() {
		assert.Regexp(t, regexp.MustCompile(`^[a-z-]+/[^\s#]+$`), c.Name)
		assert.False(t, seen[c.Name], "%s is there twice", c.Name)
		seen[c.Name] = true
		assert.True(t, strings.HasSuffix(c.Explanation, ".") && strings.Count(c.Explanation, " ") >= 4, "%s: not a sentence: %q", c.Name, c.Explanation)
		assert.NotNil(t, c.Run, c.Name)
		assert.Equal(t, c.Group == Limited, c.Needs != nil, "%s: Needs is for the group Limited", c.Name)
	}
}

func TestEveryGroupHasCases(t *testing.T) {
	for _, group := range []Group{Surface, Handler, Faults, Limited} {
		n := 0
		for _, c := range Cases() {
			if c.Group == group {
				n++
			}
		}
		assert.Positive(t, n, "group %d", group)
	}
}

func TestExclusionsNeedCaseAndReason(t *testing.T) {
	cases := []Case{{Name: "a/b"}}
	require.NoError(t, checkExclusions(cases, map[string]string{"a/b": "because"}))
	require.ErrorContains(t, checkExclusions(cases, map[string]string{"a/c": "because"}), `"a/c" does not exist`)
	require.ErrorContains(t, checkExclusions(cases, map[string]string{"a/b": " "}), "without a reason")
}

func TestNewTargetRefusesWhatIsNoBase(t *testing.T) {
	for _, base := range []string{"", "localhost:80", "ftp://x", "http://", "http://x/path", "http://%zz"} {
		_, err := NewTarget(base, Options{})
		require.Error(t, err, base)
	}
	_, err := NewTarget("http://127.0.0.1:80/", Options{})
	require.NoError(t, err)
}

func TestParseID(t *testing.T) {
	id, err := ParseID("a-b-12")
	require.NoError(t, err)
	require.Equal(t, ID{Epoch: "a-b", Seq: 12}, id)
	for _, bad := range []string{"", "12", "-12", "a-", "a-01", "a-+1", "a- 1", "a-0x1", "a-18446744073709551616"} {
		_, err := ParseID(bad)
		require.Error(t, err, bad)
	}
	require.NoError(t, follows("e-9", "e-10"))
	require.Error(t, follows("e-9", "e-9"))
	require.Error(t, follows("e-9", "e-11"))
	require.Error(t, follows("e-9", "f-10"))
}

func TestSelectCases(t *testing.T) {
	cases := []Case{
		{Name: "s/a"}, {Name: "h/a", Group: Handler}, {Name: "f/a", Group: Faults},
		{Name: "l/a", Group: Limited, Needs: func(l Limits) bool { return l.MaxData > 0 }},
		{Name: "l/b", Group: Limited, Needs: func(l Limits) bool { return l.Slow == "drop" }},
	}
	for _, tc := range []struct {
		opts Options
		want []string
	}{
		{Options{}, []string{"s/a"}},
		{Options{Handler: true, Faults: true}, []string{"s/a", "h/a", "f/a"}},
		{Options{NoSurface: true, Faults: true}, []string{"f/a"}},
		{Options{NoSurface: true, Limits: Limits{MaxData: 1}}, []string{"l/a"}},
		{Options{NoSurface: true, Limits: Limits{MaxData: 1, Slow: "drop"}}, []string{"l/a", "l/b"}},
		{Options{Limits: Limits{Slow: "coalesce"}}, []string{"s/a"}},
		{Options{Handler: true, Exclude: map[string]string{"s/a": "because"}}, []string{"h/a"}},
	} {
		plan, err := selectCases(cases, tc.opts)
		require.NoError(t, err)
		var names []string
		for _, c := range plan {
			names = append(names, c.Name)
		}
		require.Equal(t, tc.want, names)
	}
}

func TestNoCaseIsAFailure(t *testing.T) {
	_, err := selectCases(Cases(), Options{NoSurface: true})
	require.ErrorIs(t, err, errNoCases)
	_, err = selectCases([]Case{{Name: "a/b"}}, Options{Exclude: map[string]string{"a/b": "because"}})
	require.ErrorIs(t, err, errNoCases)
}
