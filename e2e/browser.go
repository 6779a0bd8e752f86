package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/chromedp/chromedp"
)

// ErrNoChromium is returned by [Chromium] when the machine has none.
var ErrNoChromium = errors.New("e2e: no Chromium: install it (Debian: apt-get install chromium) or name one in CHROMIUM")

// Chromium returns the browser to drive: what the environment variable CHROMIUM
// names, else the first of chromium, chromium-browser and google-chrome on PATH.
// The error is [ErrNoChromium], or tells that CHROMIUM names no program.
func Chromium() (string, error) {
	if named := os.Getenv("CHROMIUM"); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("e2e: CHROMIUM: %w", err)
		}
		return path, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoChromium
}

// Browser is one headless Chromium with a fresh user data directory, which is
// removed by [Browser.Close].
type Browser struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// Start starts the browser at path and waits until it can be driven. When ctx
// ends, the browser does.
func Start(ctx context.Context, path string) (*Browser, error) {
	alloc, cancelAlloc := chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(path),
		chromedp.Flag("headless", "new"),
		// Containers rarely allow Chromium's own sandbox, and give /dev/shm 64 MB.
		chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.DisableGPU,
		chromedp.NoFirstRun,
		chromedp.NoDefaultBrowserCheck,
		// Nothing that leaves the machine.
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-default-apps", true),
		chromedp.Flag("disable-extensions", true),
		// Every page is a person who is looking at it.
		chromedp.Flag("disable-background-timer-throttling", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
		chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("lang", "en-GB"),
	)
	browser, cancelBrowser := chromedp.NewContext(alloc)
	b := &Browser{ctx: browser, cancel: func() {
		cancelBrowser()
		cancelAlloc()
	}}
	if err := chromedp.Do(browser); err != nil {
		b.cancel()
		return nil, fmt.Errorf("e2e: start %s: %w", path, err)
	}
	return b, nil
}

// Close ends the browser and waits for its processes.
func (b *Browser) Close() error {
	err := chromedp.Cancel(b.ctx)
	b.cancel()
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("e2e: close browser: %w", err)
	}
	return nil
}
