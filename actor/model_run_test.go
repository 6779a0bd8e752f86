package actor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/actortest"
)

// modelRun is one run of a script: the host with the hubs under test, and the model of them.
type modelRun struct {
	*actortest.Host
	control *control
	hubs    []*hubModel
	clients []*clientModel // all there ever were
	ids     []string       // of all events
	faulted bool           // a fault struck in this operation
	made    int            // events, so that no two are the same
	answers []string
}

// runModel runs script, and returns everything that was sent. It fails where something is not as it must be.
func runModel(t testing.TB, script []op) (trace string, err error) {
	m := &modelRun{control: &control{}}
	m.Host = newModelHost(strict{t}, m.control)
	m.control.fired = m.fired
	for _, addr := range modelAddrs {
		h := &hubModel{addr: addr, once: make(map[string]int)}
		for _, c := range modelClasses {
			if c.name == addr.Class {
				h.limits = c.log
			}
		}
		m.hubs = append(m.hubs, h)
	}
	for i, o := range script {
		if err := m.do(o); err != nil {
			return m.trace(), fmt.Errorf("operation %d, %v: %w", i, o, err)
		}
	}
	if err := m.finish(); err != nil {
		return m.trace(), fmt.Errorf("at the end: %w", err)
	}
	return m.trace(), nil
}

// fired notes that a fault struck. A hub that cannot start may stay asleep: a host tries it once behind a turn that failed.
func (m *modelRun) fired(addr actor.Address, method string) {
	m.faulted = true
	for _, h := range m.hubs {
		if h.addr == addr && method == "start" {
			h.asleep = true
		}
	}
}

// woke notes that an operation has woken the hub.
func (m *modelRun) woke(h *hubModel) {
	if !m.faulted {
		h.asleep = false
	}
}

func (m *modelRun) trace() string {
	var b strings.Builder
	for _, a := range m.answers {
		fmt.Fprintln(&b, a)
	}
	for _, c := range m.clients {
		fmt.Fprintf(&b, "client %d:\n%s\nended: %v\n", c.number, c.Wire(), c.Ended())
	}
	return b.String()
}

// check checks the clients, all or those that have not ended, and that nothing is left of turns that failed.
func (m *modelRun) check(all bool) error {
	for _, h := range m.hubs {
		h.settle()
	}
	for _, c := range m.clients {
		if c.over && !all {
			continue // it is looked at once more at the end
		}
		if err := c.see(m.Now()); err != nil {
			return fmt.Errorf("client %d of %s: %w", c.number, c.hub.addr, err)
		}
	}
	for _, h := range m.hubs {
		h.before, h.lastBefore = len(h.open), h.last()
	}
	if len(m.control.leaks) > 0 {
		return fmt.Errorf("leaked: %q", m.control.leaks)
	}
	return nil
}

func (m *modelRun) do(o op) error {
	h := m.hubs[o.Hub]
	var open *clientModel
	if len(h.open) > 0 {
		open = h.open[o.A%len(h.open)]
	}
	m.faulted = false
	var err error
	switch o.Do {
	case join:
		err = m.join(h, o)
	case publish:
		err = m.publish(h, m.event(o.A), o.B)
	case burst:
		for n := range (o.A + 1) * h.limits.Count / 16 {
			if err = m.publish(h, m.event(n%4*(o.B%2)), 0); err != nil {
				break
			}
		}
	case turn:
		err = m.turn(h, o)
	case info:
		err = m.info(h)
	case fault:
		methods := []string{"start", "join", "gap", "leave", "timer"}
		m.control.fault = methods[o.A%len(methods)]
	case evict:
		m.Evict(h.addr)
		h.asleep = true
	case lose:
		m.Lose()
	case advance:
		spans := []time.Duration{
			time.Millisecond, 40 * time.Millisecond, time.Second, actor.IdleTimeout + time.Second, time.Minute,
			modelMaxAge * 85 / 100, modelMaxAge, modelMaxAge * 12 / 10, modelLogAge / 2, modelLogAge + time.Minute,
		}
		err = m.advance(spans[o.A%len(spans)])
	default:
		if open != nil {
			err = m.client(open, o)
		}
	}
	if err != nil {
		return err
	}
	return m.check(false)
}

// client does what is done to a client.
func (m *modelRun) client(c *clientModel, o op) error {
	switch o.Do {
	case stall:
		c.stalled = true
		c.Stall()
	case unstall:
		c.stalled = false
		c.Unstall()
	case leave:
		c.Leave()
		m.woke(c.hub)
	case fallBehind:
		c.FallBehind()
		m.woke(c.hub)
	case end:
		aged := c.hub.asleep // it may end for its age when the hub wakes
		r := actortest.Request("DELETE", path(c.hub)+"/sessions/"+c.ID()+"?reason=spam&reconnect=false", "", "")
		res, err := m.request(c.hub, r)
		switch {
		case err != nil || res == nil:
			return err
		case res.Status == 404 && aged && c.Ended():
			return nil
		case res.Status != 204 || !c.Ended():
			return fmt.Errorf("the answer is %d: %s; ended: %v", res.Status, res.Body, c.Ended())
		}
		c.expected = append(c.expected, transient{actor.EventGoodbye, `{"reason":"spam","reconnect":false}`, c.hub.last()})
	}
	return nil
}

func path(h *hubModel) string { return "/" + h.addr.Class + "/" + h.addr.Name }

// request sends a request to a hub. The answer is nil when it failed as it had to.
func (m *modelRun) request(h *hubModel, r *actor.Request) (*actor.Response, error) {
	res := m.Do(r)
	if res == nil {
		return nil, errors.New("there is no answer")
	}
	m.woke(h)
	m.answers = append(m.answers, fmt.Sprint(res.Status, " ", string(res.Body)))
	if res.Status == 500 {
		if !m.faulted {
			return nil, fmt.Errorf("the turn failed: %s", res.Body)
		}
		return nil, nil
	}
	return res, nil
}

// event returns an event like no other, of a size that kind chooses.
func (m *modelRun) event(kind int) actor.Event {
	m.made++
	e := actor.Event{Data: fmt.Sprintf("p%d", m.made)}
	switch kind % 8 {
	case 1:
		e.Data += strings.Repeat("x", 100)
	case 2:
		e.Data += strings.Repeat("y", 700)
	case 3:
		e.Name = "named"
	case 4:
		e.Data += "\nline\rline\r\n\x00\n"
	case 5:
		e.Data += strings.Repeat("z", 2500)
	case 6:
		e.Key = "place"
	case 7:
		e.Data += "é\ufeff\u2028: "
	}
	return e
}

// arrived returns e as it is in the log, and as a client sees it.
func arrived(e actor.Event, at time.Time) published {
	p := published{name: e.Name, data: strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(e.Data), at: at}
	p.size = len(e.Name) + len(e.Data)
	if p.name == "" {
		p.name = "message"
	}
	return p
}

// publish has an event published by a request: how chooses whether it is ephemeral, or has an idempotency key.
func (m *modelRun) publish(h *hubModel, e actor.Event, how int) error {
	ephemeral, once := how%4 == 1, ""
	if how%4 == 2 {
		once = fmt.Sprint("key ", how%3)
	}
	body, err := json.Marshal(map[string]any{"event": e.Name, "data": e.Data, "key": e.Key, "ephemeral": ephemeral})
	if err != nil {
		return err
	}
	r := actortest.Request("POST", path(h)+"/events", "application/json", string(body))
	if once != "" {
		r.Header.Set("Idempotency-Key", once)
	}
	res, err := m.request(h, r)
	if err != nil || res == nil {
		return err
	}
	var answer struct{ ID string }
	if err := json.Unmarshal(res.Body, &answer); err != nil || res.Status != 200 {
		return fmt.Errorf("the answer is %d: %s", res.Status, res.Body)
	}
	if ephemeral {
		if answer.ID != "" {
			return fmt.Errorf("an ephemeral event has the id %s", answer.ID)
		}
		h.settle() // what ended when the hub woke is not sent it
		h.expect(arrived(e, m.Now()).name, arrived(e, m.Now()).data)
		return nil
	}
	return m.took(h, e, once, answer.ID)
}

// took notes that the hub gave e the id.
func (m *modelRun) took(h *hubModel, e actor.Event, once, id string) error {
	if first := h.once[once]; first != 0 {
		must, may := h.kept(first, m.Now())
		if may && id == h.id(first) {
			return nil
		}
		if must {
			return fmt.Errorf("a repeat of event %d has the id %s", first, id)
		}
	}
	if h.epoch == "" {
		h.epoch, _, _ = strings.Cut(id, "-")
	}
	h.published(arrived(e, m.Now()), once)
	if id != h.lastID() {
		return fmt.Errorf("event %d has the id %s", h.last(), id)
	}
	m.ids = append(m.ids, id)
	return nil
}

// turn does several things in one turn, which o.B may have fail.
func (m *modelRun) turn(h *hubModel, o op) error {
	var done []func() error
	m.control.turn = func(t *actor.Turn) error {
		for _, step := range o.Steps {
			then, err := m.step(t, h, step)
			if err != nil {
				return err
			}
			done = append(done, then)
		}
		switch o.B % 4 {
		case 0:
			m.faulted = true
			return errors.New("on purpose")
		case 1:
			m.faulted = true
			panic("on purpose")
		}
		return nil
	}
	res, err := m.request(h, actortest.Request("POST", path(h)+"/turn", "", ""))
	if err != nil || res == nil {
		return err
	}
	h.open = slices.DeleteFunc(h.open, func(c *clientModel) bool { return c.Ended() && !c.closing })
	for _, then := range done {
		if err := then(); err != nil {
			return err
		}
	}
	return nil
}

// step does one thing in a turn, and returns what it means if the turn succeeds.
func (m *modelRun) step(t *actor.Turn, h *hubModel, step int) (then func() error, err error) {
	e := m.event(step / 8)
	switch step % 8 {
	case 0, 1, 2:
		id, err := t.Publish(e)
		return func() error { return m.took(h, e, "", id) }, err
	case 3:
		once := fmt.Sprint("key ", step/8%3)
		id, _, err := t.PublishOnce(once, e)
		return func() error { return m.took(h, e, once, id) }, err
	case 4, 5:
		p := arrived(e, t.Now())
		return func() error { h.expect(p.name, p.data); return nil }, t.Broadcast(e)
	case 6:
		value, _, err := t.Storage().Get("count")
		if err == nil {
			err = t.Storage().Put("count", append(value, '.'))
		}
		return func() error {
			if h.count++; len(value)+1 != h.count {
				return fmt.Errorf("storage has %q, want %d", value, h.count-1)
			}
			return nil
		}, err
	}
	// Say goodbye to a session.
	for s := range t.Sessions() {
		i := slices.IndexFunc(h.open, func(c *clientModel) bool { return c.ID() == s.ID() })
		if i < 0 {
			return nil, fmt.Errorf("there should be no session %s", s.ID())
		}
		c := h.open[i]
		c.closing = true
		return func() error {
			c.expected = append(c.expected, transient{actor.EventGoodbye, `{"reason":"turn","reconnect":true}`, h.last()})
			h.open = slices.DeleteFunc(h.open, func(other *clientModel) bool { return other == c })
			return nil
		}, t.Goodbye(s, "turn", true)
	}
	return func() error { return nil }, nil
}

// advance lets d pass, and looks at the clients whenever one may, or must, have reached its maximum age.
func (m *modelRun) advance(d time.Duration) error {
	for until := m.Now().Add(d); m.Now().Before(until); {
		next := until
		for _, h := range m.hubs {
			for _, c := range h.open {
				for _, at := range []time.Time{
					c.joined.Add(modelMaxAge*9/10 - time.Millisecond), c.joined.Add(modelMaxAge * 11 / 10),
				} {
					if at.After(m.Now()) && at.Before(next) {
						next = at
					}
				}
			}
		}
		m.Advance(next.Sub(m.Now()))
		if err := m.check(false); err != nil {
			return err
		}
	}
	return nil
}

// info compares what a hub says of itself.
func (m *modelRun) info(h *hubModel) error {
	res, err := m.request(h, actortest.Request("GET", path(h), "", ""))
	if err != nil || res == nil {
		return err
	}
	var got struct {
		Sessions    int
		LastEventID string
	}
	if err := json.Unmarshal(res.Body, &got); err != nil {
		return err
	}
	h.settle()
	if got.LastEventID != h.lastID() || got.Sessions < len(h.open) || got.Sessions > h.before {
		return fmt.Errorf("the hub has %s; want %d to %d, %s", res.Body, len(h.open), h.before, h.lastID())
	}
	return nil
}

// finish has everything come to rest: each client that is left must have everything, and know how many there are.
func (m *modelRun) finish() error {
	m.control.fault = ""
	for i, h := range m.hubs {
		if err := m.do(op{Do: info, Hub: i}); err != nil {
			return err
		}
		for _, c := range slices.Clone(h.open) {
			if c.stalled {
				if err := m.client(c, op{Do: unstall}); err != nil {
					return err
				}
			}
		}
	}
	before := len(m.allOpen())
	if err := m.advance(2 * time.Second); err != nil {
		return err
	}
	if err := m.check(true); err != nil {
		return err
	}
	open := m.allOpen()
	for _, c := range open {
		if len(open) == before && c.size != len(c.hub.open) {
			return fmt.Errorf("client %d has been told of %d sessions, there are %d", c.number, c.size, len(c.hub.open))
		}
	}
	return nil
}

func (m *modelRun) allOpen() (open []*clientModel) {
	for _, h := range m.hubs {
		open = append(open, h.open...)
	}
	return open
}
