package actortest

import (
	"bytes"
	"slices"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/internal/sse"
)

// Client is the client of one session: it keeps what it was sent.
type Client struct {
	host  *Host
	hub   *hub
	state actor.SessionState
	wire  []byte
	read  int // events that Next has returned
	ended bool

	stalled bool
	waiting bool // the hub waits for what was sent to be written
}

// ID returns the session's id.
func (c *Client) ID() string { return c.state.ID }

// Wire returns all bytes that the client was sent.
func (c *Client) Wire() string { return string(c.wire) }

// Events returns all events that the client was sent, as a browser would see them. An event's name is "message" when
// it has none, and its ID the last one that the stream had.
func (c *Client) Events() []actor.Event {
	var events []actor.Event
	d := sse.NewDecoder(bytes.NewReader(c.wire))
	for {
		item, err := d.Next()
		if err != nil {
			return events
		}
		if item.Kind == sse.KindEvent {
			events = append(events, actor.Event{
				ID: item.Event.LastEventID, Name: item.Event.Name, Data: item.Event.Data,
			})
		}
	}
}

// Next returns the next event that it has not returned yet. The test fails when there is none: nothing is waited for.
func (c *Client) Next() actor.Event {
	c.host.t.Helper()
	events := c.Events()
	if c.read == len(events) {
		c.host.t.Fatalf("session %s was sent no further event; so far %d", c.state.ID, c.read)
	}
	c.read++
	return events[c.read-1]
}

// Ended reports whether the stream has ended.
func (c *Client) Ended() bool { return c.ended }

// Stall has the client stop reading, and Unstall read again. What a hub sends is buffered meanwhile; a replay of what
// the client missed waits.
func (c *Client) Stall() { c.stalled = true }

// Unstall is the opposite of [Client.Stall].
func (c *Client) Unstall() {
	c.stalled = false
	c.goOn()
	c.host.settle()
}

// goOn tells the hub that what was sent has been written, if it wants to know.
func (c *Client) goOn() {
	if c.waiting && !c.stalled && !c.ended {
		c.waiting = false
		c.host.later(c.hub, &actor.Input{Kind: actor.InputContinue, Session: c.state.ID}, nil)
	}
}

// Leave closes the client's connection.
func (c *Client) Leave() { c.end(actor.LeaveGone) }

// FallBehind is what a host does when the client does not read what it is sent.
func (c *Client) FallBehind() { c.end(actor.LeaveSlow) }

func (c *Client) end(reason actor.LeaveReason) {
	c.leave(reason)
	c.host.settle()
}

// leave ends the stream, and has the hub hear of it. Should the hub have to wake for it, it wakes to a session that is
// still there.
func (c *Client) leave(reason actor.LeaveReason) {
	if c.ended {
		return
	}
	c.ended = true
	c.host.later(c.hub, &actor.Input{Kind: actor.InputLeave, Session: c.state.ID, Reason: reason}, func() {
		c.hub.clients = slices.DeleteFunc(c.hub.clients, func(other *Client) bool { return other == c })
	})
}
