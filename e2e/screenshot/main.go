// Command screenshot takes the README's picture of the chat page: three people in
// one room of a running app.
//
//	go run ./e2e/screenshot --url http://localhost:8787 --out docs/chat.png
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/alecthomas/kong"
	"github.com/chromedp/chromedp/kb"

	"github.com/hubbub-edge/hubbub/e2e"
)

type cli struct {
	URL    string `help:"Where the app runs." default:"http://localhost:8787"`
	Out    string `help:"The PNG file to write." default:"docs/chat.png"`
	Room   string `help:"The room; it should be unused." default:"launch"`
	Width  int64  `help:"Width in CSS pixels." default:"1200"`
	Height int64  `help:"Height in CSS pixels." default:"750"`
	Phone  bool   `help:"Look as a phone does."`
	Dark   bool   `help:"Prefer the dark colour scheme."`
}

// people are who is in the room; the picture is taken over the shoulder of the
// first.
var people = []string{"Ada", "Maya", "Jonas"}

// program is the number of who is not a person and has no page: it publishes as
// any program would.
const program = -1

// conversation is what is said, oldest first, by the number of the person.
var conversation = []struct {
	who  int
	text string
}{
	{1, "Morning! The new version goes out in a minute."},
	{1, "Please keep this page open and tell me what you see."},
	{program, "Version 41 is live."},
	{2, "“Connection lost — reconnecting…”, and then it was back, by itself."},
	{0, "Same here. I was in the middle of a message: it waited, and went out by itself."},
	{1, "That was the deploy. Every stream dropped once, and nobody had to reload."},
	{2, "And all of this is one Go program?"},
	{0, "One Go program, one Wasm file. The same bytes run on my laptop and on the edge."},
}

func main() {
	var c cli
	kong.Parse(&c, kong.Description("Takes a picture of the chat page of a running app."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := c.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "screenshot:", err)
		os.Exit(1)
	}
}

func (c cli) run(ctx context.Context) (err error) {
	path, err := e2e.Chromium()
	if err != nil {
		return err
	}
	browser, err := e2e.Start(ctx, path)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := browser.Close(); err == nil {
			err = closeErr
		}
	}()

	room := c.URL + "/?room=" + url.QueryEscape(c.Room)
	pages := make([]*e2e.Page, len(people))
	for i, name := range people {
		view := e2e.View{}
		if i == 0 {
			view = e2e.View{Width: c.Width, Height: c.Height, Phone: c.Phone, Dark: c.Dark}
		}
		if pages[i], err = browser.Open(room, view); err != nil {
			return err
		}
		if err := pages[i].Fill("#name", name); err != nil {
			return err
		}
	}
	first := pages[0]
	if err := first.Until(fmt.Sprintf("document.getElementById('count').textContent === '%d'", len(people))); err != nil {
		return err
	}
	for i, m := range conversation {
		if m.who == program {
			err = c.publish(ctx, "Deploy bot", m.text)
		} else if err = pages[m.who].Fill("#message", m.text); err == nil {
			err = pages[m.who].Press(kb.Enter)
		}
		if err != nil {
			return err
		}
		if err := first.Until(fmt.Sprintf("document.querySelectorAll('[data-testid=entry]').length === %d", i+1)); err != nil {
			return err
		}
	}
	// No caret: the same conversation gives the same picture.
	if _, err := e2e.Eval[any](first, "document.activeElement.blur()"); err != nil {
		return err
	}
	png, err := first.Screenshot()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.Out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(c.Out, png, 0o644)
}

// publish says something without a page.
func (c cli) publish(ctx context.Context, from, text string) error {
	type message struct {
		From string `json:"from"`
		Text string `json:"text"`
	}
	body, err := json.Marshal(struct {
		Event string  `json:"event"`
		Data  message `json:"data"`
	}{"chat", message{from, text}})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+"/hubs/"+url.PathEscape(c.Room)+"/events", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("publish: %s", res.Status)
	}
	return nil
}
