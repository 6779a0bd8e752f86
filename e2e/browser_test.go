package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hubbub-edge/hubbub/internal/testhost"
)

// host is a running app that can be killed.
type host interface {
	URL() string
	Kill()
	Restart()
}

// hosts are all that the page must work with.
var hosts = []struct {
	name  string
	start func(t *testing.T) host
}{
	{"localrunner", func(t *testing.T) host { return testhost.LocalRunner(t, testhost.App, testhost.Options{}) }},
	{"workerd", func(t *testing.T) host { return testhost.Workerd(t, testhost.App, testhost.Options{}) }},
}

// scenarios are what a person must be able to do. Each gets a room of its own.
var scenarios = []struct {
	name        string
	explanation string
	run         func(t *testing.T, w *world)
}{
	{"chat", "Two people in one room read each other in the same order; a third, in another room, hears nothing.", chat},
	{"tabs", "Two tabs of one browser are two people: each shows its own messages once, as its own.", tabs},
	{"presence", "The count of who is here follows people who come and go.", presence},
	{"killed", "The server dies and comes back: the pages say so, lose nothing that was typed, and go on without a reload.", killed},
	{"refused", "The server answers the stream with an error, so that the browser gives up: the page says why, and tries again itself.", refused},
	{"too large", "A message that the server refuses stays, with the server's reason, and can be edited.", tooLarge},
	{"reload", "What could not be sent survives a reload of the tab, and goes out afterwards.", reload},
	{"phone", "A screen 390 pixels wide shows everything without scrolling sideways, and touch is enough.", phone},
	{"keyboard", "The keyboard alone is enough, and the focus can always be seen.", keyboard},
	{"markup", "What looks like HTML is shown as it was typed, wherever it comes from.", markup},
	{"scrolling", "Who reads older messages is not dragged down by new ones.", scrolling},
	{"try it", "The command that the page offers for publishing works as it stands, whatever the room is called.", tryIt},
	{"room names", "A name that no hub can have is refused with the reason.", roomNames},
	{"contrast", "All text has the contrast of WCAG AA in both colour schemes, connected or not.", contrast},
}

func TestBrowser(t *testing.T) {
	path, err := Chromium()
	if errors.Is(err, ErrNoChromium) {
		missing(t, err.Error())
	}
	require.NoError(t, err)
	browser, err := Start(t.Context(), path)
	require.NoError(t, err)
	// Before t.Context ends, so that the browser is asked and not shot.
	defer func() { assert.NoError(t, browser.Close()) }()

	for _, h := range hosts {
		t.Run(h.name, func(t *testing.T) {
			running := h.start(t)
			for i, s := range scenarios {
				t.Run(s.name, func(t *testing.T) {
					t.Log(s.explanation)
					s.run(t, &world{browser: browser, host: running, base: running.URL(), room: fmt.Sprintf("room-%d", i)})
				})
			}
		})
	}
}

// missing skips a test for lack of something on this machine, and says what. In
// CI nothing may be left out.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// world is what a scenario has to work with.
type world struct {
	browser *Browser
	host    host
	base    string // where pages are loaded from
	room    string
}

func (w *world) url(room string) string { return w.base + "/?room=" + url.QueryEscape(room) }

// enter opens the scenario's room in a browser profile of its own, under a name,
// and waits for the stream.
func (w *world) enter(t *testing.T, name string, v View) *person {
	t.Helper()
	p := w.visit(t, w.room, v)
	p.named(name)
	p.live()
	return p
}

// visit opens a room and waits for nothing. At the end of the scenario the page's
// console must be clean.
func (w *world) visit(t *testing.T, room string, v View) *person {
	t.Helper()
	page, err := w.browser.Open(w.url(room), v)
	require.NoError(t, err)
	return newPerson(t, page)
}

// publish sends an event to the scenario's room without a page.
func (w *world) publish(t *testing.T, body string) {
	t.Helper()
	res, err := http.Post(w.host.URL()+"/hubs/"+url.PathEscape(w.room)+"/events", "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, string(answer))
}

// person is a page and who sits before it. Its methods end the test when the page
// does not do as they say.
type person struct {
	t    *testing.T
	page *Page
	// troubled says that failed requests are part of the scenario.
	troubled bool
}

func newPerson(t *testing.T, page *Page) *person {
	p := &person{t: t, page: page}
	t.Cleanup(func() {
		assert.Empty(t, page.Errors(), "console errors")
		if !p.troubled {
			assert.Empty(t, page.NetworkFailures(), "failed requests")
		}
		page.Close()
	})
	return p
}

func (p *person) until(expression string) {
	p.t.Helper()
	require.NoError(p.t, p.page.Until(expression))
}

func (p *person) untilf(format string, args ...any) {
	p.t.Helper()
	p.until(fmt.Sprintf(format, args...))
}

func (p *person) named(name string) {
	p.t.Helper()
	require.NoError(p.t, p.page.Fill("#name", name))
	// Enter takes the name and goes to the message box.
	p.press(kb.Enter)
	p.until("document.activeElement.id === 'message'")
}

func (p *person) press(keys string) {
	p.t.Helper()
	require.NoError(p.t, p.page.Press(keys))
}

func (p *person) state(state string) {
	p.t.Helper()
	p.untilf("document.getElementById('status').dataset.state === %s", js(state))
}

func (p *person) live() {
	p.t.Helper()
	p.state("live")
}

func (p *person) says(text string) {
	p.t.Helper()
	require.NoError(p.t, p.page.Fill("#message", text))
	p.press(kb.Enter)
	p.until("document.getElementById('message').value === ''")
}

// hears waits until a text is in the log, once.
func (p *person) hears(from, text string) {
	p.t.Helper()
	p.untilf(`[...document.querySelectorAll('[data-testid=log] [data-testid=entry]')].filter((e) =>
		e.dataset.from === %s && e.querySelector('[data-testid=text]').textContent === %s).length === 1`, js(from), js(text))
}

// pending waits for a message on its way in the given state.
func (p *person) pending(state, text string) {
	p.t.Helper()
	p.untilf(`[...document.querySelectorAll('[data-testid=pending]')].some((e) =>
		e.dataset.state === %s && e.querySelector('[data-testid=text]').textContent === %s)`, js(state), js(text))
}

func (p *person) nothingPending() {
	p.t.Helper()
	p.until("document.querySelectorAll('[data-testid=pending]').length === 0")
}

// log is what the page shows as said, oldest first.
func (p *person) log() []string {
	p.t.Helper()
	return get[[]string](p, "[...document.querySelectorAll('[data-testid=log] [data-testid=text]')].map((e) => e.textContent)")
}

func get[T any](p *person, expression string) T {
	p.t.Helper()
	v, err := Eval[T](p.page, expression)
	require.NoError(p.t, err)
	return v
}

// js is a Go value as a JavaScript literal.
func js(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
