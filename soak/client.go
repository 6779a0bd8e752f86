package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"time"
)

// maxAnswer bounds what is read of an answer that is not a stream.
const maxAnswer = 1 << 20

// newClient returns a client that shares its connections with no other.
func newClient() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if runtime.GOOS == "linux" {
		// While nobody listens, a connection to a free port of one's own address can be given that very port as its
		// source, and so connect to itself. The restarted host would then find its port taken.
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}
	}
	return &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableCompression: true}}
}

// backoff waits between attempts, longer each time, until it is reset: a host that is starting is asked often, and yet
// gets some of the machine's time.
type backoff struct{ next time.Duration }

const (
	firstWait = 5 * time.Millisecond
	maxWait   = 100 * time.Millisecond
)

func (b *backoff) wait(ctx context.Context) error {
	b.next = min(max(2*b.next, firstWait), maxWait)
	return pause(ctx, b.next)
}

func (b *backoff) reset() { b.next = 0 }

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lastEventID asks a hub for the id of its last event; the zero ID when it has had none.
func lastEventID(ctx context.Context, url, hub string, patience time.Duration) (eventID, error) {
	var none eventID
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	client := newClient()
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/hubs/"+hub, nil)
	if err != nil {
		return none, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return none, fmt.Errorf("soak: last event of %s: %w", hub, err)
	}
	body, err := readAnswer(resp)
	if err != nil {
		return none, fmt.Errorf("soak: last event of %s: %w", hub, err)
	}
	var info struct{ LastEventID string }
	if err := json.Unmarshal(body, &info); err != nil || resp.StatusCode != http.StatusOK {
		return none, broken("%s says of itself %d %.300s", hub, resp.StatusCode, body)
	}
	if info.LastEventID == "" {
		return none, nil
	}
	return parseID(info.LastEventID)
}

func readAnswer(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}
