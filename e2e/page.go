package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// ErrNotShown is wrapped by the error of [Page.Until] when the page did not come
// to what was waited for in time.
var ErrNotShown = errors.New("not true in time")

const (
	// waitFor bounds each wait for the page. It is generous: a browser's own pause
	// before an EventSource reconnects is 3 s, a host may need a heartbeat (at most
	// 25 s) to notice that a client has gone, and the machine may be busy.
	waitFor = 45 * time.Second
	// pollEvery is how often a waited-for condition is looked at.
	pollEvery = 50 * time.Millisecond
)

// View is how a person looks at a page. The zero value is a light desktop window
// of 1200×750 pixels.
type View struct {
	Width, Height int64 // CSS pixels; zero means 1200 and 750
	Phone         bool  // touch instead of a mouse, a phone's viewport rules
	Dark          bool  // prefers-color-scheme: dark
}

// Page is one tab.
type Page struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	errors   []string
	failures []string
}

// Open opens url in a tab with a profile of its own, as another person's browser
// would, and waits until it has loaded.
func (b *Browser) Open(url string, v View) (*Page, error) {
	return open(b.ctx, url, v, chromedp.WithNewBrowserContext())
}

// OpenBeside opens url in another tab of the same profile.
func (p *Page) OpenBeside(url string, v View) (*Page, error) {
	return open(p.ctx, url, v)
}

func open(parent context.Context, url string, v View, opts ...chromedp.ContextOption) (*Page, error) {
	if v.Width == 0 {
		v.Width = 1200
	}
	if v.Height == 0 {
		v.Height = 750
	}
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	viewport := []chromedp.EmulateViewportOption{chromedp.EmulateScale(1)}
	if v.Phone {
		viewport = append(viewport, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}

	p := &Page{}
	p.ctx, p.cancel = chromedp.NewContext(parent, opts...)
	// Listen also creates the tab, on the context that may live as long as it.
	err := chromedp.Listen(p.ctx, p.listen)
	if err == nil {
		err = p.do(
			chromedp.EmulateViewport(v.Width, v.Height, viewport...),
			// A tab in the background still behaves as the one being looked at.
			command(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}),
			command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			}),
			chromedp.Navigate(url),
		)
	}
	if err != nil {
		p.cancel()
		return nil, fmt.Errorf("e2e: open %s: %w", url, err)
	}
	return p, nil
}

// command is a protocol command whose result is of no interest, as an action.
func command[P, R any](cmd cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, cmd, params)
		return err
	})
}

// Close closes the tab.
func (p *Page) Close() { p.cancel() }

func (p *Page) listen(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		p.errors = append(p.errors, (&chromedp.ExceptionError{ExceptionDetails: ev.ExceptionDetails}).Error())
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeAssert {
			text := "console." + ev.Type.String() + ":"
			for _, a := range ev.Args {
				text += " " + string(a.Value) + a.Description
			}
			p.errors = append(p.errors, text)
		}
	case *log.EventEntryAdded:
		if ev.Entry.Level != log.EntryLevelError {
			return
		}
		entry := fmt.Sprintf("%s: %s %s", ev.Entry.Source, ev.Entry.Text, ev.Entry.URL)
		if ev.Entry.Source == log.EntrySourceNetwork {
			p.failures = append(p.failures, entry)
		} else {
			p.errors = append(p.errors, entry)
		}
	}
}

// Errors returns the uncaught exceptions, console errors and refusals of the
// page's content security policy so far.
func (p *Page) Errors() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.errors)
}

// NetworkFailures returns what the browser reported as failed loads so far:
// unreachable servers, answers of 400 and above.
func (p *Page) NetworkFailures() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.failures)
}

// do performs actions within waitFor.
func (p *Page) do(actions ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(p.ctx, waitFor)
	defer cancel()
	return chromedp.Do(ctx, actions...)
}

// Eval evaluates a JavaScript expression in the page, awaits it when it is a
// promise, and returns its value. T may be [chromedp.Void].
func Eval[T any](p *Page, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, waitFor)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		return v, fmt.Errorf("e2e: evaluate %s: %w", expression, err)
	}
	return v, nil
}

// Until waits until a JavaScript expression is true. It outlives navigations. The
// error tells what the page showed instead.
//
// chromedp.Poll would compile the condition inside the page, which the page's
// content security policy forbids.
func (p *Page) Until(expression string) error {
	deadline := time.NewTimer(waitFor)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, err := Eval[bool](p, "Boolean("+expression+")")
		if ok {
			return nil
		}
		select {
		case <-tick.C:
		case <-p.ctx.Done():
			return fmt.Errorf("e2e: until %s: %w", expression, p.ctx.Err())
		case <-deadline.C:
			shown, _ := Eval[string](p, "document.body.innerText")
			if err == nil {
				err = ErrNotShown
			}
			return fmt.Errorf("e2e: until %s: %w; the page shows:\n%s", expression, err, shown)
		}
	}
}

// Press presses keys as a keyboard does; see package kb for the named ones.
//
// chromedp.KeyEvent sends what a key types apart from its going down, and a page
// that cancels the one still gets the other: Enter would send and type a new line.
func (p *Page) Press(keys string, modifiers ...chromedp.Modifier) error {
	for _, key := range keys {
		events := kb.Encode(key)
		down, up := *events[0], *events[len(events)-1]
		if len(events) == 3 {
			down.Type = input.DispatchKeyEventTypeKeyDown
			down.Text, down.UnmodifiedText = events[1].Text, events[1].UnmodifiedText
		}
		for _, event := range []input.DispatchKeyEventParams{down, up} {
			for _, m := range modifiers {
				event.Modifiers |= m.Int64()
			}
			if err := p.do(command(input.DispatchKeyEvent, event)); err != nil {
				return fmt.Errorf("e2e: press %q: %w", key, err)
			}
		}
	}
	return nil
}

// Click clicks the element that a CSS selector finds.
func (p *Page) Click(selector string) error {
	if err := p.do(chromedp.Click(chromedp.CSS(selector))); err != nil {
		return fmt.Errorf("e2e: click %s: %w", selector, err)
	}
	return nil
}

// Tap touches the element that a CSS selector finds, as a finger does.
func (p *Page) Tap(selector string) error {
	if err := p.do(chromedp.Tap(chromedp.CSS(selector))); err != nil {
		return fmt.Errorf("e2e: tap %s: %w", selector, err)
	}
	return nil
}

// Fill replaces the text of a control, as pasting over it would, and leaves the
// focus there.
func (p *Page) Fill(selector, text string) error {
	err := p.do(
		chromedp.Focus(chromedp.CSS(selector)),
		chromedp.Evaluate[chromedp.Void]("document.activeElement.select()"),
		command(input.InsertText, input.InsertTextParams{Text: text}),
	)
	if err != nil {
		return fmt.Errorf("e2e: fill %s: %w", selector, err)
	}
	return nil
}

// Screenshot returns what the tab shows as a PNG.
func (p *Page) Screenshot() ([]byte, error) {
	ctx, cancel := context.WithTimeout(p.ctx, waitFor)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		return nil, fmt.Errorf("e2e: screenshot: %w", err)
	}
	return png, nil
}
