package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Report is all that a run has measured.
type Report struct {
	Environment Environment `json:"environment"`
	Sections    []*Section  `json:"sections"`
}

// Section is one table of a report.
type Section struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Note    string   `json:"note,omitempty"` // how it was measured
	Labels  []string `json:"labels"`         // the columns that say what a row is
	Metrics []Metric `json:"metrics"`        // the columns of figures
	Rows    []*Row   `json:"rows"`
	Goals   []Goal   `json:"goals,omitempty"`
	// Problems are what went wrong; figures may be missing because of them.
	Problems []string `json:"problems,omitempty"`
}

// Metric is a column of figures.
type Metric struct {
	Key    string `json:"key"`
	Title  string `json:"title"`
	Digits int    `json:"digits"` // behind the point, in the table
}

// Row is one line of a table. A figure that is not known is not in Values.
type Row struct {
	Labels []string           `json:"labels"`
	Values map[string]float64 `json:"values"`
}

// Goal is a figure that has a bound.
type Goal struct {
	What    string  `json:"what"`
	Value   float64 `json:"value"`
	Bound   float64 `json:"bound"`
	Unit    string  `json:"unit"`
	AtLeast bool    `json:"atLeast,omitempty"` // the bound is a lower one
}

// Met says whether the figure is within its bound.
func (g Goal) Met() bool {
	if g.AtLeast {
		return g.Value >= g.Bound
	}
	return g.Value <= g.Bound
}

func (g Goal) String() string {
	sign, verdict := "≤", "met"
	if g.AtLeast {
		sign = "≥"
	}
	if !g.Met() {
		verdict = "**missed**"
	}
	return fmt.Sprintf("%s: %s %s, goal %s %s %s: %s", g.What, significant(g.Value), g.Unit, sign, significant(g.Bound), g.Unit, verdict)
}

// row adds an empty row.
func (s *Section) row(labels ...string) *Row {
	r := &Row{Labels: labels, Values: map[string]float64{}}
	s.Rows = append(s.Rows, r)
	return r
}

// set keeps a figure; what is no number is left out.
func (r *Row) set(key string, value float64) {
	if !math.IsNaN(value) && !math.IsInf(value, 0) {
		r.Values[key] = value
	}
}

func (s *Section) goal(g Goal) { s.Goals = append(s.Goals, g) }

func (s *Section) problem(format string, args ...any) {
	s.Problems = append(s.Problems, fmt.Sprintf(format, args...))
}

// Markdown is the report as text.
func (r *Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Bench\n\n%s", r.Environment.Markdown())
	for _, s := range r.Sections {
		s.markdown(&b)
	}
	return b.String()
}

func (s *Section) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n", s.Title)
	if s.Note != "" {
		fmt.Fprintf(b, "%s\n\n", s.Note)
	}
	if len(s.Rows) > 0 {
		titles := slices.Clone(s.Labels)
		for _, m := range s.Metrics {
			titles = append(titles, m.Title)
		}
		line(b, titles)
		line(b, append(slices.Repeat([]string{"---"}, len(s.Labels)), slices.Repeat([]string{"--:"}, len(s.Metrics))...))
		for _, r := range s.Rows {
			cells := slices.Clone(r.Labels)
			for _, m := range s.Metrics {
				cells = append(cells, m.format(r))
			}
			line(b, cells)
		}
		b.WriteByte('\n')
	}
	for _, g := range s.Goals {
		fmt.Fprintf(b, "* %s\n", g)
	}
	for _, p := range s.Problems {
		fmt.Fprintf(b, "* **problem:** %s\n", strings.ReplaceAll(strings.TrimSpace(p), "\n", "\n  "))
	}
}

func (m Metric) format(r *Row) string {
	v, ok := r.Values[m.Key]
	if !ok {
		return "–"
	}
	return thousands(strconv.FormatFloat(v, 'f', m.Digits, 64))
}

func line(b *strings.Builder, cells []string) {
	for _, c := range cells {
		b.WriteString("| " + strings.ReplaceAll(c, "|", `\|`) + " ")
	}
	b.WriteString("|\n")
}

// thousands puts commas into a decimal number.
func thousands(s string) string {
	whole, fraction, point := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + fraction
	}
	return sign + whole
}

// significant is v to three digits, or all those before the point.
func significant(v float64) string {
	digits := 0
	for limit := 100.0; digits < 3 && math.Abs(v) < limit; limit /= 10 {
		digits++
	}
	s := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return thousands(s)
}

// write puts the report into dir, as JSON and Markdown, and returns the path of the JSON.
func (r *Report) write(dir string) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	base := filepath.Join(dir, r.Environment.Time.UTC().Format("2006-01-02T150405Z"))
	if err := os.WriteFile(base+".json", append(b, '\n'), 0o644); err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	if err := os.WriteFile(base+".md", []byte(r.Markdown()), 0o644); err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	return base + ".json", nil
}

// median is the middle of values; NaN when there are none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
