package conformance

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// Defaults of Options.
const (
	DefaultHeartbeat = 20 * time.Second
	DefaultTimeout   = 60 * time.Second
)

// slack is what a host may be late by, above an interval that it was given, on a
// machine that also runs the suite itself.
const slack = 5 * time.Second

// Greeting is the value that the test program's var GREETING must have.
const Greeting = "hello from wrangler.toml"

// Options tell the suite what it cannot find out from a URL. The zero value runs the
// cases of the app's surface against a server with default intervals.
type Options struct {
	// Heartbeat is the interval of keep-alive comments that the server was
	// configured with; 0 is DefaultHeartbeat. Cases wait for multiples of it.
	Heartbeat time.Duration
	// Timeout ends a case that waits in vain; 0 is DefaultTimeout. Multiples of
	// Heartbeat come on top.
	Timeout time.Duration
	// NoSurface leaves out the cases of the app's surface, for a server of the test
	// program when the app's own has passed them.
	NoSurface bool
	// Handler adds the cases of the app's http.Handler. The server must run the
	// test program.
	Handler bool
	// Faults adds the cases of failing turns. The server must run the test program.
	Faults bool
	// Limits are what the server under test was configured with. Each that is not zero
	// adds the cases that need it.
	Limits Limits
	// RSS, when given, returns the server's resident memory in bytes; cases about
	// bounded memory then measure it.
	RSS func() (bytes int64, err error)
	// Exclude maps a case's name to the reason why this host is not held to it.
	// A name that no case has is a failure, and so is an empty reason.
	Exclude map[string]string
}

func (o Options) heartbeat() time.Duration {
	if o.Heartbeat > 0 {
		return o.Heartbeat
	}
	return DefaultHeartbeat
}

func (o Options) timeout() time.Duration {
	if o.Timeout > 0 {
		return o.Timeout
	}
	return DefaultTimeout
}

// Group is a set of cases that a server is held to as a whole.
type Group int

// The groups; see the package comment.
const (
	Surface Group = iota
	Handler
	Faults
	Limited
)

// Case is one requirement.
type Case struct {
	// Name is unique and stable, words separated by slashes and hyphens.
	Name string
	// Explanation says in a sentence what must hold.
	Explanation string
	// Group decides whether the case runs.
	Group Group
	// Needs, of a case of the group Limited, reports whether the server is configured as
	// the case needs it.
	Needs func(Limits) bool
	// Alone keeps other cases away while this one measures or loads the server.
	Alone bool
	// Run returns an error that tells how the requirement is broken. Sessions that
	// it opened on ctx are ended when it returns.
	Run func(ctx context.Context, t *Target) error
}

// Target is the server under test.
type Target struct {
	Options Options
	base    *url.URL
	client  *http.Client
}

// NewTarget returns a Target for the server at baseURL, scheme and authority only.
func NewTarget(baseURL string, opts Options) (*Target, error) {
	base, err := url.Parse(strings.TrimSuffix(baseURL, "/"))
	if err != nil {
		return nil, fmt.Errorf("conformance: %w", err)
	}
	if base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.Path != "" {
		return nil, fmt.Errorf("conformance: base URL %q is not http(s)://host", baseURL)
	}
	return &Target{Options: opts, base: base, client: &http.Client{
		Transport:     newTransport(),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close ends idle connections.
func (t *Target) Close() { t.client.CloseIdleConnections() }

// Hub returns a hub name that nobody has used.
func (t *Target) Hub(prefix string) string { return prefix + "-" + strings.ToLower(rand.Text()) }

// Cases returns all cases of the suite, in the order in which they are listed.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{
		streamCases(), orderCases(), dataCases(), eventNameCases(), bodyCases(), nameCases(), errorCases(), httpCases(),
		presenceCases(), scaleCases(), slowCases(), resumeCases(), replayCases(), gapCases(), publishCases(), sessionCases(),
		handlerCases(), faultCases(), limitCases(), logCases(), ageCases(), policyCases(),
	} {
		all = append(all, group...)
	}
	return all
}

func (c Case) wanted(o Options) bool {
	switch c.Group {
	case Handler:
		return o.Handler
	case Faults:
		return o.Faults
	case Limited:
		return c.Needs(o.Limits)
	default:
		return !o.NoSurface
	}
}

// Run runs the suite's cases as subtests of t. It fails when the options leave none.
// Cases run in parallel with each other except those that must be alone.
func Run(t *testing.T, baseURL string, opts Options) {
	t.Helper()
	plan, err := selectCases(Cases(), opts)
	if err != nil {
		t.Fatal(err)
	}
	target, err := NewTarget(baseURL, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	for name, reason := range opts.Exclude {
		t.Logf("excluded: %s: %s", name, reason)
	}
	for _, c := range plan {
		t.Run(c.Name, func(t *testing.T) {
			if !c.Alone {
				t.Parallel()
			}
			if err := c.execute(t.Context(), target); err != nil {
				t.Errorf("%s\n%v", c.Explanation, err)
			}
		})
	}
}

var errNoCases = errors.New("conformance: the options leave no case to run")

// selectCases returns the cases that opts ask for. It is an error when there are none,
// since a suite that ran nothing must not look like one that passed.
func selectCases(cases []Case, opts Options) ([]Case, error) {
	if err := checkExclusions(cases, opts.Exclude); err != nil {
		return nil, err
	}
	var plan []Case
	for _, c := range cases {
		if _, excluded := opts.Exclude[c.Name]; c.wanted(opts) && !excluded {
			plan = append(plan, c)
		}
	}
	if len(plan) == 0 {
		return nil, errNoCases
	}
	return plan, nil
}

func (c Case) execute(ctx context.Context, target *Target) error {
	limit := target.Options.timeout() + 4*target.Options.heartbeat()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not within %v", limit))
	defer cancel()
	return c.Run(ctx, target)
}

func checkExclusions(cases []Case, exclude map[string]string) error {
	known := make(map[string]bool, len(cases))
	for _, c := range cases {
		known[c.Name] = true
	}
	for name, reason := range exclude {
		if !known[name] {
			return fmt.Errorf("conformance: the excluded case %q does not exist", name)
		}
		if strings.TrimSpace(reason) == "" {
			return fmt.Errorf("conformance: the case %q is excluded without a reason", name)
		}
	}
	return nil
}

// wait returns when d has passed.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// within derives a context that also ends after d, with what as its cause.
func within(ctx context.Context, d time.Duration, what string) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, fmt.Errorf("%s: not within %v", what, d))
}
