package e2e

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func chat(t *testing.T, w *world) {
	ada, maya := w.enter(t, "Ada", View{}), w.enter(t, "Maya", View{})
	stranger := w.visit(t, w.room+"-other", View{})
	stranger.named("Stranger")
	stranger.live()

	for i := range 3 {
		ada.says(fmt.Sprintf("ping %d", i))
		maya.hears("Ada", fmt.Sprintf("ping %d", i))
		maya.says(fmt.Sprintf("pong %d", i))
		ada.hears("Maya", fmt.Sprintf("pong %d", i))
	}
	ada.hears("Ada", "ping 2")
	ada.nothingPending()
	assert.Equal(t, maya.log(), ada.log())
	assert.Len(t, ada.log(), 6)

	// By now the stranger would have heard; what it says itself is all it does hear.
	stranger.says("anyone here?")
	stranger.hears("Stranger", "anyone here?")
	assert.Equal(t, []string{"anyone here?"}, stranger.log())
}

func tabs(t *testing.T, w *world) {
	first := w.enter(t, "Ada", View{})
	beside, err := first.page.OpenBeside(w.url(w.room), View{})
	require.NoError(t, err)
	second := newPerson(t, beside)
	second.live()
	assert.Equal(t, "Ada", get[string](second, "document.getElementById('name').value"), "the name is remembered")
	second.named("Ada at work")

	first.says("from the first")
	second.hears("Ada", "from the first")
	second.says("from the second")
	first.hears("Ada at work", "from the second")
	first.hears("Ada", "from the first")
	first.nothingPending()

	mine := "[...document.querySelectorAll('[data-testid=log] .mine [data-testid=text]')].map((e) => e.textContent)"
	assert.Equal(t, []string{"from the first"}, get[[]string](first, mine))
	assert.Equal(t, "Ada", get[string](first, "document.getElementById('name').value"), "a tab keeps its own name")
}

func presence(t *testing.T, w *world) {
	count := func(p *person, n int) {
		t.Helper()
		p.untilf("document.getElementById('count').textContent === '%d'", n)
	}
	ada := w.enter(t, "Ada", View{})
	count(ada, 1)
	maya := w.enter(t, "Maya", View{})
	count(ada, 2)
	count(maya, 2)
	third, err := w.browser.Open(w.url(w.room), View{})
	require.NoError(t, err)
	count(ada, 3)
	third.Close()
	// A host may notice a closed connection only when it next writes to it.
	ada.says("bye")
	count(maya, 2)
	count(ada, 2)
}

func killed(t *testing.T, w *world) {
	ada, maya := w.enter(t, "Ada", View{}), w.enter(t, "Maya", View{})
	ada.troubled, maya.troubled = true, true
	ada.says("before")
	maya.hears("Ada", "before")
	for _, p := range []*person{ada, maya} {
		get[bool](p, "window.notReloaded = true")
	}

	w.host.Kill()
	for _, p := range []*person{ada, maya} {
		p.state("lost")
		p.until("document.getElementById('status').textContent.startsWith('Connection lost')")
		p.until("document.getElementById('announce').textContent.startsWith('Connection lost')")
		p.until("document.getElementById('count').textContent === '–'")
	}
	ada.says("first while down")
	ada.says("second while down")
	ada.pending("queued", "first while down")
	ada.pending("queued", "second while down")
	require.NoError(t, maya.page.Fill("#message", "half a thou"))

	w.host.Restart()
	for _, p := range []*person{ada, maya} {
		p.live()
		p.until("document.getElementById('announce').textContent === 'Back live'")
	}
	ada.nothingPending()
	ada.hears("Ada", "first while down")
	ada.hears("Ada", "second while down")
	assert.Equal(t, []string{"before", "first while down", "second while down"}, ada.log(), "in order")
	// Whoever came back first: nobody misses what was sent before the other had.
	maya.hears("Ada", "first while down")
	maya.hears("Ada", "second while down")
	assert.Equal(t, []string{"before", "first while down", "second while down"}, maya.log(), "in order")
	assert.Equal(t, "half a thou", get[string](maya, "document.getElementById('message').value"))

	ada.says("after")
	maya.hears("Ada", "after")
	maya.says("still here")
	ada.hears("Maya", "still here")
	for _, p := range []*person{ada, maya} {
		p.until("document.getElementById('count').textContent === '2'")
		assert.True(t, get[bool](p, "window.notReloaded === true"))
	}
}

// refuser passes everything on to a host, but answers for its hubs while it
// refuses.
func refuser(t *testing.T, w *world) *atomic.Bool {
	t.Helper()
	target, err := url.Parse(w.host.URL())
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		FlushInterval: -1,
		// Streams that pages close are no news.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	refusing := &atomic.Bool{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if refusing.Load() && strings.HasPrefix(r.URL.Path, "/hubs/") {
			rw.Header().Set("Content-Type", "application/problem+json")
			rw.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(rw, `{"title":"Service Unavailable","status":503,"detail":"This hub is full."}`)
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	w.base = server.URL
	return refusing
}

func refused(t *testing.T, w *world) {
	refusing := refuser(t, w)
	refusing.Store(true)
	ada := w.visit(t, w.room, View{})
	ada.troubled = true
	ada.named("Ada")
	ada.state("lost")
	ada.until("document.getElementById('hint').textContent === 'This hub is full.'")
	ada.says("let me in")
	ada.pending("failed", "let me in")
	ada.until("document.querySelector('[data-testid=pending-state]').textContent.includes('This hub is full.')")

	refusing.Store(false)
	ada.live()
	ada.until("!document.getElementById('hint').textContent.includes('full')")
	ada.pending("failed", "let me in")
	require.NoError(t, ada.page.Click("[data-testid=retry]"))
	ada.hears("Ada", "let me in")
	ada.nothingPending()
	ada.until("document.activeElement.id === 'message'")
}

func tooLarge(t *testing.T, w *world) {
	ada := w.enter(t, "Ada", View{})
	ada.troubled = true
	text := strings.Repeat("far too much ", 6000)
	ada.says(text)
	ada.until("document.querySelector('[data-testid=pending]')?.dataset.state === 'failed'")
	ada.until("/^Not sent: \\S.{10,}/.test(document.querySelector('[data-testid=pending-state]').textContent)")
	// It does not hold up what comes after it.
	ada.says("short")
	ada.hears("Ada", "short")
	require.NoError(t, ada.page.Click("[data-testid=edit]"))
	ada.untilf("document.getElementById('message').value === %s", js(strings.TrimSpace(text)))
	ada.nothingPending()
}

func reload(t *testing.T, w *world) {
	refusing := refuser(t, w)
	ada := w.enter(t, "Ada", View{})
	ada.troubled = true
	refusing.Store(true)
	ada.says("keep me")
	ada.pending("failed", "keep me")
	require.NoError(t, ada.page.Fill("#message", "a draft"))
	refusing.Store(false)
	require.NoError(t, ada.page.do(chromedp.Reload()))
	ada.live()
	ada.until("document.getElementById('message').value === 'a draft'")
	ada.pending("failed", "keep me")
	require.NoError(t, ada.page.Click("[data-testid=retry]"))
	ada.hears("Ada", "keep me")
	ada.nothingPending()
}

// fits is true when nothing visible reaches beyond a 390 pixel wide screen.
const fits = `innerWidth === 390 && document.documentElement.scrollWidth <= 390 && document.body.scrollWidth <= 390 &&
	[...document.querySelectorAll('#scroller, .side, [data-testid=text]')].every((e) => e.scrollWidth <= e.clientWidth) &&
	[...document.querySelectorAll('body *')].every((e) => {
		const r = e.getBoundingClientRect();
		return r.width === 0 || e.closest('.unseen, .skip') || (r.left >= 0 && r.right <= 390.5);
	})`

func phone(t *testing.T, w *world) {
	w.room = strings.Repeat("a-long-name-for-a-room-", 11)
	ada := w.enter(t, "Ada", View{Width: 390, Height: 844, Phone: true})
	maya := w.enter(t, strings.Repeat("M", 40), View{})
	ada.until(fits)
	maya.says(strings.Repeat("Donaudampfschifffahrt", 30))
	maya.says("https://example.org/" + strings.Repeat("a/", 200))
	ada.until("document.querySelectorAll('[data-testid=entry]').length === 2")
	ada.until(fits)

	require.NoError(t, ada.page.Tap("#message"))
	ada.until("document.activeElement.id === 'message'")
	ada.press("by touch")
	require.NoError(t, ada.page.Tap("#send"))
	maya.hears("Ada", "by touch")
	ada.until(`['message', 'send', 'status', 'room'].every((id) => {
		const r = document.getElementById(id).getBoundingClientRect();
		return r.width > 0 && r.height > 0 && r.top >= 0 && r.bottom <= 844;
	})`)
	// A finger needs room: WCAG 2.2 asks for 24 pixels at least.
	ada.until(`[...document.querySelectorAll('button, input, textarea, summary')].every((e) => {
		const r = e.getBoundingClientRect();
		return r.height === 0 || r.height >= 24;
	})`)
	require.NoError(t, ada.page.Tap("#try summary"))
	ada.until("document.getElementById('try').open")
	ada.until(fits)

	w.host.Kill()
	ada.troubled, maya.troubled = true, true
	ada.state("lost")
	ada.says("kept on the phone")
	ada.pending("queued", "kept on the phone")
	ada.until(fits)
	w.host.Restart()
	ada.live()
	ada.hears("Ada", "kept on the phone")
	ada.until(fits)
}

// tabTo presses Tab until an element has the focus, which must be visible at
// every stop.
func (p *person) tabTo(id string) {
	p.t.Helper()
	var passed []string
	for range 40 {
		p.press(kb.Tab)
		stop := get[struct {
			ID      string
			Visible bool
		}](p, `(() => {
			const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
			return { ID: e.id || e.tagName, Visible: e === document.body ||
				(s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 && r.width > 1 && r.height > 1) };
		})()`)
		passed = append(passed, stop.ID)
		require.True(p.t, stop.Visible, "no visible focus on %s", stop.ID)
		if stop.ID == id {
			return
		}
	}
	require.Fail(p.t, "Tab does not reach #"+id, "it went %v", passed)
}

func keyboard(t *testing.T, w *world) {
	maya := w.enter(t, "Maya", View{})
	ada := w.visit(t, w.room+"-elsewhere", View{})
	ada.live()
	ada.until("document.activeElement.id === 'message'")

	// Tabbing into a field selects it: typing replaces.
	ada.tabTo("room")
	ada.press(w.room)
	ada.tabTo("room-go")
	require.NoError(t, ada.page.Press(kb.Tab, chromedp.ModifierShift))
	ada.press(kb.Enter)
	ada.untilf("location.search === %s", js("?room="+url.QueryEscape(w.room)))
	ada.untilf("document.getElementById('room-title')?.textContent === %s", js(w.room))
	ada.live()

	ada.tabTo("room")
	ada.tabTo("name")
	ada.press("Ada")
	ada.press(kb.Enter)
	ada.until("document.activeElement.id === 'message'")
	ada.press("one line")
	require.NoError(t, ada.page.Press(kb.Enter, chromedp.ModifierShift))
	ada.press("and another")
	ada.press(kb.Enter)
	maya.hears("Ada", "one line\nand another")
	ada.hears("Ada", "one line\nand another")
	assert.Equal(t, "message", get[string](ada, "document.activeElement.id"), "the focus stays")

	ada.press("with the button")
	ada.tabTo("send")
	ada.press(kb.Enter)
	maya.hears("Ada", "with the button")
	ada.until("document.activeElement.id === 'message'")

	ada.tabTo("share")
	ada.press(kb.Enter)
	ada.until("document.getElementById('share').textContent !== 'Copy link'")
	ada.tabTo("scroller")
}

func markup(t *testing.T, w *world) {
	const attack = `<img src=x onerror="window.owned = true"><script>window.owned = true</script> & &amp; </p>`
	ada, maya := w.enter(t, attack[:40], View{}), w.enter(t, "Maya", View{})
	ada.says(attack)
	maya.hears(attack[:40], attack)
	ada.hears(attack[:40], attack)
	w.publish(t, fmt.Sprintf(`{"event":"chat","data":{"from":%s,"text":%s,"at":%s,"key":%s}}`, js(attack), js(attack+"2"), js(attack), js(attack)))
	w.publish(t, fmt.Sprintf(`{"data":%s}`, js(attack)))
	w.publish(t, `{"event":"chat","data":[null]}`)
	w.publish(t, `{"event":"chat","data":{"from":7,"text":"a number","at":[]}}`)
	for _, p := range []*person{ada, maya} {
		p.hears(attack, attack+"2")
		p.hears("event", attack)
		p.hears("event", "[null]")
		p.hears("someone", "a number")
		assert.True(t, get[bool](p, "window.owned === undefined && !document.querySelector('#scroller :is(img, script)')"))
	}
}

func scrolling(t *testing.T, w *world) {
	ada := w.enter(t, "Ada", View{})
	bottom := "(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight < 5)(document.getElementById('scroller'))"
	for i := range 30 {
		w.publish(t, fmt.Sprintf(`{"event":"chat","data":{"from":"Maya","text":"line %d"}}`, i))
	}
	ada.hears("Maya", "line 29")
	ada.until(bottom)

	get[any](ada, "document.getElementById('scroller').scrollTop = 0")
	ada.until("document.getElementById('newer').hidden")
	// The page learns of scrolling in a frame of its own.
	get[any](ada, "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
	w.publish(t, `{"event":"chat","data":{"from":"Maya","text":"news"}}`)
	ada.hears("Maya", "news")
	ada.until("document.getElementById('newer').textContent.startsWith('1 new message')")
	assert.Zero(t, get[float64](ada, "document.getElementById('scroller').scrollTop"))
	require.NoError(t, ada.page.Click("#newer"))
	ada.until(bottom)
	ada.until("document.getElementById('newer').hidden")
}

func tryIt(t *testing.T, w *world) {
	if _, err := exec.LookPath("curl"); err != nil {
		missing(t, "e2e: no curl: install it (Debian: apt-get install curl)")
	}
	w.room = `it's "$HOME" & co/ü (1)!`
	ada := w.enter(t, "Ada", View{})
	ada.until("document.getElementById('try').open")
	command := get[string](ada, "document.getElementById('try-publish').textContent")
	out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
	require.NoError(t, err, string(out))
	ada.hears("curl", "Hello!")

	subscribe := get[string](ada, "document.getElementById('try-subscribe').textContent")
	get[any](ada, `new Promise((done) => {
		const console = { log: (e) => { window.heard = e.data; } };
		const source = `+strings.Replace(subscribe, ").addEventListener", "); source.addEventListener", 1)+`;
		source.addEventListener('open', () => done(true));
	})`)
	ada.says("to both")
	ada.until("JSON.parse(window.heard ?? '{}').text === 'to both'")
}

func roomNames(t *testing.T, w *world) {
	for _, name := range []string{"..", strings.Repeat("ü", 129), "a\x01b"} {
		p := w.visit(t, name, View{})
		p.state("refused")
		p.until("!document.getElementById('room-problem').hidden && document.getElementById('message').disabled")
	}
	p := w.visit(t, w.room, View{})
	p.live()
	require.NoError(t, p.page.Fill("#room", ".."))
	p.press(kb.Enter)
	p.until("document.getElementById('room-problem').textContent.includes('..')")
	p.live()
	// Without a room in the address there is still one.
	require.NoError(t, p.page.do(chromedp.Navigate(w.base+"/")))
	p.live()
	p.until("document.getElementById('room-title').textContent === 'lobby'")
}

// contrasts lists the visible texts whose contrast with what is behind them is
// below WCAG AA. The colours go through a canvas, which knows every notation.
const contrasts = `(() => {
	const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d', { willReadFrequently: true });
	const luminance = (layers) => {
		for (const c of layers) { canvas.fillStyle = c; canvas.fillRect(0, 0, 1, 1); }
		const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const bad = [];
	for (const e of document.querySelectorAll('body *')) {
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
		if (!(own || e.placeholder) || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || e.closest('.unseen, .skip, noscript')) continue;
		const behind = [];
		for (let b = e; b; b = b.parentElement) behind.unshift(getComputedStyle(b).backgroundColor);
		const colours = own ? [getComputedStyle(e).color] : [getComputedStyle(e).color, getComputedStyle(e, '::placeholder').color];
		for (const c of colours) {
			const [x, y] = [luminance(behind), luminance([...behind, c])].sort((a, b) => b - a);
			const ratio = (x + 0.05) / (y + 0.05);
			if (ratio < 4.5) bad.push(ratio.toFixed(2) + ' ' + e.tagName + '.' + e.className + ' ' + (e.textContent || e.placeholder).slice(0, 40));
		}
	}
	return bad;
})()`

func contrast(t *testing.T, w *world) {
	var both []*person
	for _, v := range []View{{}, {Dark: true}} {
		p := w.enter(t, "Ada", v)
		p.troubled = true
		both = append(both, p)
	}
	// Many names, for as many hues.
	for i := range 24 {
		w.publish(t, fmt.Sprintf(`{"event":"chat","data":{"from":"%c%d","text":"hello"}}`, 'A'+i, i))
	}
	w.publish(t, `{"data":"raw"}`)
	check := func(when string) {
		t.Helper()
		for i, p := range both {
			assert.Empty(t, get[[]string](p, contrasts), "%s, dark: %v", when, i == 1)
		}
	}
	for _, p := range both {
		p.hears("event", "raw")
		p.says(strings.Repeat("far too much ", 6000))
		p.until("document.querySelector('[data-testid=pending]')?.dataset.state === 'failed'")
	}
	check("live")
	w.host.Kill()
	for _, p := range both {
		p.state("lost")
		p.says("waiting")
		p.pending("queued", "waiting")
	}
	check("lost")
	w.host.Restart()
	for _, p := range both {
		p.live()
		p.until("[...document.querySelectorAll('[data-testid=pending]')].every((e) => e.dataset.state === 'failed')")
	}
	check("back")
}
