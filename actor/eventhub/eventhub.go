package eventhub

import (
	"net/http"
	"strings"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
)

// Options configure the class. Those of [actor.Class] mean what they mean there; Name is "Hub" and Path "/hubs/" by
// default, New and MaxBody are set by [Class].
type Options struct {
	actor.Class
	// MaxData is the longest data of an event, in bytes. Default 64 KiB, at most 1 MiB.
	MaxData int
	// PublishRate is how many events a second may be published to a hub, on average; as many may come at once. Default
	// 1,000; negative: as many as it takes.
	PublishRate int
}

// Defaults of [Options], and the most that MaxData may be.
const (
	DefaultMaxData     = 64 << 10
	DefaultPublishRate = 1000
	MaxMaxData         = 1 << 20
)

// LeastSessionBuffer is the least [actor.Class.SessionBuffer] of a class with events of so many bytes of data. Each byte
// may be a line of its own, "data: \n". An event that no session can hold would end all of them, and each again when it
// comes back for it.
func LeastSessionBuffer(maxData int) int { return 8*maxData + 16<<10 }

// Class returns the class of hubs. What is out of bounds makes it one that no program accepts, see [actor.Program].
func Class(opts Options) actor.Class {
	class := opts.Class
	if class.Name == "" {
		class.Name = "Hub"
	}
	if class.Path == "" {
		class.Path = "/hubs/"
	}
	if opts.MaxData == 0 {
		opts.MaxData = DefaultMaxData
	}
	if opts.PublishRate == 0 {
		opts.PublishRate = DefaultPublishRate
	}
	least := LeastSessionBuffer(opts.MaxData)
	if class.SessionBuffer == 0 {
		class.SessionBuffer = max(actor.DefaultSessionBuffer, least)
	}
	class.New = func() actor.Hub { return &Hub{opts: opts} }
	if opts.MaxData < 0 || opts.MaxData > MaxMaxData || class.SessionBuffer < least {
		class.New = nil
	}
	class.MaxBody = maxBody(opts.MaxData)
	return class
}

// Names of the events that the hub itself sends. A publisher cannot use them, so that clients can trust them.
const (
	EventConnected   = "connected"   // first on each stream: {"session","hub"}
	EventConnections = "connections" // follows joins and leaves: {"size"}
)

// Hub is one hub, made by a [Class].
type Hub struct {
	opts   Options
	bucket bucket
}

var (
	_ actor.Hub          = (*Hub)(nil)
	_ actor.Starter      = (*Hub)(nil)
	_ actor.Joiner       = (*Hub)(nil)
	_ actor.Leaver       = (*Hub)(nil)
	_ actor.TimerHandler = (*Hub)(nil)
)

// Request answers requests that [Route] has let pass.
func (h *Hub) Request(t *actor.Turn, r *actor.Request) (*actor.Response, error) {
	id, oneSession := strings.CutPrefix(r.Rest, "/sessions/")
	switch {
	case r.Rest == "":
		return info(t)
	case r.Rest == "/events" && r.Method == http.MethodPost:
		return h.publish(t, r)
	case r.Rest == "/events":
		return t.Subscribe(r, actor.SubscribeOptions{})
	case r.Rest == "/sessions":
		return listSessions(t, r), nil
	case oneSession:
		return endSession(t, r, id)
	}
	return actor.Problem(http.StatusNotFound, "a hub has nothing at "+r.Rest), nil
}

func info(t *actor.Turn) (*actor.Response, error) {
	last, err := t.LastEventID()
	if err != nil {
		return nil, err
	}
	res := actor.JSON(http.StatusOK, struct {
		Hub         string `json:"hub"`
		Sessions    int    `json:"sessions"`
		LastEventID string `json:"lastEventId"`
	}{t.Hub().Name, t.NumSessions(), last})
	res.Header.Set("Cache-Control", "no-store")
	return res, nil
}

// Start announces the sessions that lived through a sleep or the loss of the isolate: the timer that may have been
// pending did not.
func (h *Hub) Start(t *actor.Turn) error {
	if t.NumSessions() > 0 {
		announce(t)
	}
	return nil
}

// Join greets the session.
func (h *Hub) Join(t *actor.Turn, s *actor.Session) error {
	announce(t)
	return t.Send(s, actor.Event{Name: EventConnected, Data: compact(struct {
		Session string `json:"session"`
		Hub     string `json:"hub"`
	}{s.ID(), t.Hub().Name})})
}

// Leave tells the others.
func (h *Hub) Leave(t *actor.Turn, _ *actor.Session, _ actor.LeaveReason) error {
	if t.NumSessions() > 0 {
		announce(t)
	}
	return nil
}

// Timer sends the event "connections".
func (h *Hub) Timer(t *actor.Turn, _ string) error {
	return t.Broadcast(actor.Event{Name: EventConnections, Data: compact(struct {
		Size int `json:"size"`
	}{t.NumSessions()})})
}

// announce has "connections" sent soon, once for all joins and leaves until then: an event for each would make N
// clients that connect together cost N²/2 deliveries. The delay grows with the number of sessions, so that what the
// event costs per second does not.
func announce(t *actor.Turn) {
	if t.TimerSet(EventConnections) {
		return
	}
	delay := 50*time.Millisecond + time.Duration(t.NumSessions())*time.Millisecond/10
	t.SetTimer(EventConnections, min(delay, time.Second))
}
