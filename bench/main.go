package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hubbub-edge/hubbub/bench/internal/peers"
)

// bench is a run.
type bench struct {
	env   *peers.Env
	short bool
	cold  bool
	rate  float64
	// clients are the sizes of audience of fanout.
	clients []int
	// group selects within sections that have groups of rows.
	group *regexp.Regexp
}

// sections in the order of the report.
var sections = []struct {
	name string
	run  func(*bench, context.Context, *Section) error
}{
	{"size", (*bench).size},
	{"boot", (*bench).boot},
	{"fanout", (*bench).fanout},
	{"durable", (*bench).durable},
	{"memory", (*bench).memory},
	{"front", (*bench).front},
	// Last, for what a cold build writes keeps the disk busy for a while, and a publish waits for the disk.
	{"start", (*bench).start},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	b := &bench{}
	flag.BoolVar(&b.short, "short", false, "measure each figure briefly, and leave out cold starts")
	flag.BoolVar(&b.cold, "cold", true, "also build and start a clean clone of HEAD with empty caches, which takes a minute")
	flag.Float64Var(&b.rate, "rate", 10_000, "deliveries a second of the open loop")
	b.clients = []int{100, 1000}
	flag.Func("clients", "how many subscribers fanout has, a `list` with commas (default 100,1000)", func(list string) (err error) {
		b.clients, err = integers(list)
		return err
	})
	only := flag.String("only", "", "run only the `sections` whose name matches this regular expression; behind a slash, "+
		"one for \"host/clients\" of fanout")
	out := flag.String("out", "bench/results", "folder for the results, within the checkout")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	name, group, _ := strings.Cut(*only, "/")
	filter, err := regexp.Compile(name)
	if err != nil {
		return err
	}
	if b.group, err = regexp.Compile(group); err != nil {
		return err
	}
	b.cold = b.cold && !b.short
	if b.env, err = newEnv(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.env.Temp)) }()

	r := &Report{Environment: environment(ctx, b.env, peers.LocalRunner, peers.Workerd, peers.JavaScript, peers.Stock)}
	if _, err := b.env.Tool(ctx, nil, "go", "run", "./tools/buildwasm", "app"); err != nil {
		return err
	}
	failed := false
	for _, s := range sections {
		if !filter.MatchString(s.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s…\n", s.name)
		began := time.Now()
		section := &Section{Name: s.name}
		if err := s.run(b, ctx, section); err != nil {
			section.problem("%v", err)
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		failed = failed || len(section.Problems) > 0
		fmt.Fprintf(os.Stderr, "bench: %s took %.1f s\n", s.name, time.Since(began).Seconds())
		r.Sections = append(r.Sections, section)
	}
	if len(r.Sections) == 0 {
		return fmt.Errorf("no section matches %q", *only)
	}
	fmt.Print(r.Markdown())
	if !filepath.IsAbs(*out) {
		*out = filepath.Join(b.env.Root, *out)
	}
	file, err := r.write(*out)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "bench: the figures are in %s\n", file)
	if failed {
		return errors.New("there were problems, see the report")
	}
	return nil
}

func newEnv(ctx context.Context) (*peers.Env, error) {
	here := &peers.Env{Root: "."}
	mod, err := here.Tool(ctx, nil, "go", "env", "GOMOD")
	if err != nil {
		return nil, err
	}
	if filepath.Base(mod) != "go.mod" {
		return nil, errors.New("run it within the checkout")
	}
	temp, err := os.MkdirTemp("", "hubbub-bench-")
	if err != nil {
		return nil, err
	}
	return &peers.Env{Root: filepath.Dir(mod), Temp: temp}, nil
}

// integers reads positive numbers with commas between them.
func integers(list string) (numbers []int, err error) {
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n <= 0 {
			return nil, fmt.Errorf("%q is not a positive number", text)
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

// times is how often something is measured: n times, or twice in a short run.
func (b *bench) times(n int) int {
	if b.short {
		return min(n, 2)
	}
	return n
}

// span is how long something is measured: d, or a fifth of it in a short run.
func (b *bench) span(d time.Duration) time.Duration {
	if b.short {
		return d / 5
	}
	return d
}

// meter reads what a process uses, right before and right after a measurement.
type meter struct {
	pid      int
	readings []time.Duration
	err      error
}

func (m *meter) read() {
	cpu, err := peers.CPU(m.pid)
	m.readings = append(m.readings, cpu)
	m.err = errors.Join(m.err, err)
}

// cpu is the processor time between the two readings, in seconds.
func (m *meter) cpu() (seconds float64, ok bool) {
	if m.err != nil || len(m.readings) != 2 {
		return 0, false
	}
	return (m.readings[1] - m.readings[0]).Seconds(), true
}
