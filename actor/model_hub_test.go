package actor_test

import (
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/actortest"
	"github.com/hubbub-edge/hubbub/actor/eventhub"
)

// Limits of the hubs under test. They are small, so that each is met often.
const (
	modelMaxAge      = 10 * time.Minute
	modelMaxSessions = 6
	modelLogAge      = time.Hour
)

// modelClasses are the classes of hubs under test: one whose log is small, and one whose log is longer than a slice of a
// replay.
var modelClasses = []struct {
	name string
	log  actor.LogLimits
}{
	{"Small", actor.LogLimits{Count: 20, Bytes: 2 << 10, Age: modelLogAge}},
	{"Big", actor.LogLimits{Count: 130, Bytes: 40 << 10, Age: modelLogAge}},
}

// modelAddrs are the hubs under test.
var modelAddrs = []actor.Address{{Class: "Small", Name: "a"}, {Class: "Small", Name: "b"}, {Class: "Big", Name: "c"}}

// control is how a test reaches into the hubs of its host.
type control struct {
	fault string                                 // the method whose next call panics, in whichever hub
	turn  func(t *actor.Turn) error              // what a POST of /turn does
	leaks []string                               // what was left of turns that failed
	fired func(hub actor.Address, method string) // hears of each fault
}

// faultyHub is an event hub whose turns fail when the test wants it.
type faultyHub struct {
	*eventhub.Hub
	*control
	field int // of a turn that fails, leakedField
}

const leakedField = 1000

var _ interface {
	actor.Starter
	actor.Joiner
	actor.Leaver
	actor.TimerHandler
	actor.GapHandler
} = (*faultyHub)(nil)

// behind panics behind what a method has staged, if its fault is due.
func (h *faultyHub) behind(t *actor.Turn, method string, err error) error {
	if h.fault != method {
		return err
	}
	h.fault = ""
	if h.fired != nil {
		h.fired(t.Hub(), method)
	}
	h.stageLeak(t)
	panic("on purpose, in " + method)
}

// stageLeak does what must not be seen of a turn that fails.
func (h *faultyHub) stageLeak(t *actor.Turn) {
	h.field = leakedField
	t.SetTimer("leaked", time.Second)
	leaked := actor.Event{Name: "leaked", Data: "leaked"}
	_, err := t.Publish(leaked)
	if err == nil {
		_, _, err = t.PublishOnce("key 0", leaked)
	}
	if err == nil {
		err = t.Broadcast(leaked)
	}
	if err == nil {
		err = t.Storage().Put("count", []byte("leaked"))
	}
	for s := range t.Sessions() {
		if err == nil {
			err = t.Goodbye(s, "leaked", false)
		}
	}
	if err != nil {
		h.leaks = append(h.leaks, "staging failed: "+err.Error())
	}
}

func (h *faultyHub) Start(t *actor.Turn) error { return h.behind(t, "start", h.Hub.Start(t)) }

func (h *faultyHub) Join(t *actor.Turn, s *actor.Session) error {
	return h.behind(t, "join", h.Hub.Join(t, s))
}

func (h *faultyHub) Gap(t *actor.Turn, _ *actor.Session, _ actor.Gap) error {
	return h.behind(t, "gap", nil)
}

func (h *faultyHub) Leave(t *actor.Turn, s *actor.Session, reason actor.LeaveReason) error {
	return h.behind(t, "leave", h.Hub.Leave(t, s, reason))
}

func (h *faultyHub) Timer(t *actor.Turn, name string) error {
	if name == "leaked" {
		h.leaks = append(h.leaks, "a timer of a failed turn is due")
	}
	return h.behind(t, "timer", h.Hub.Timer(t, name))
}

func (h *faultyHub) Request(t *actor.Turn, r *actor.Request) (*actor.Response, error) {
	if h.field == leakedField {
		h.leaks = append(h.leaks, "a field of a failed turn's hub")
	}
	if r.Rest != "/turn" {
		return h.Hub.Request(t, r)
	}
	if err := h.turn(t); err != nil {
		h.stageLeak(t)
		return nil, err
	}
	return &actor.Response{}, nil
}

// newModelHost returns a host of the hubs under test.
func newModelHost(t testing.TB, c *control) *actortest.Host {
	var program actor.Program
	for _, m := range modelClasses {
		class := eventhub.Class(eventhub.Options{PublishRate: -1, Class: actor.Class{
			Name: m.name, Path: "/" + m.name + "/", Log: m.log, MaxAge: modelMaxAge, MaxSessions: modelMaxSessions,
		}})
		inner := class.New
		class.New = func() actor.Hub { return &faultyHub{Hub: inner().(*eventhub.Hub), control: c} }
		program.Classes = append(program.Classes, class)
	}
	return actortest.New(t, program)
}
