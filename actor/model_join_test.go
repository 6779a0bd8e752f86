package actor_test

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/actortest"
)

// from returns the id from which a client resumes.
func (m *modelRun) from(h *hubModel, mode, pick int) string {
	switch mode % 12 {
	case 0, 4: // as a client that comes back
		var last []string
		for _, c := range m.clients {
			if c.hub == h && c.lastID != "" {
				last = append(last, c.lastID)
			}
		}
		if len(last) > 0 {
			return last[len(last)-1-pick%len(last)]
		}
	case 2, 3: // any of this hub's
		if h.last() > 0 {
			return h.id(max(0, h.last()-pick*pick/2))
		}
	case 5: // any of any hub's
		if len(m.ids) > 0 {
			return m.ids[pick*len(m.ids)/24]
		}
	case 1, 6:
		return actor.ResumeEarliest
	case 7:
		return actor.ResumeLatest
	case 8:
		return h.id(h.last() + 1 + pick)
	case 9:
		return fmt.Sprint("other-", pick)
	case 10:
		return []string{
			"nonsense", "-", "-1", h.epoch, h.epoch + "-", h.epoch + "--1", h.epoch + "-01", h.epoch + "-+1", h.epoch + "-1 ",
			h.epoch + "-99999999999999999999999", strings.Repeat("long", 100), "Earliest",
		}[pick%12]
	}
	return ""
}

// join has a client join: o.A chooses where from, o.B how.
func (m *modelRun) join(h *hubModel, o op) error {
	from := m.from(h, o.A, o.B)
	r := actortest.Request("GET", path(h)+"/events", "", "")
	if o.B%2 == 0 {
		r.RawQuery = "last_event_id=" + url.QueryEscape(from)
	} else {
		r.RawQuery = "last_event_id=latest" // is older
		if r.Header.Set("Last-Event-ID", from); from == "" {
			from = actor.ResumeLatest
		}
	}
	stalled := o.B%3 == 0
	open := len(h.open)
	client, refused := m.subscribe(r, stalled)
	m.woke(h)
	h.settle()
	if client == nil {
		m.answers = append(m.answers, refused)
		switch {
		case strings.Contains(refused, "answer is 503"):
			if open < modelMaxSessions {
				return fmt.Errorf("a hub with %d sessions refused: %s", open, refused)
			}
			return nil
		case m.faulted:
			return nil
		}
		return fmt.Errorf("the client could not join: %s", refused)
	}
	if len(h.open) >= modelMaxSessions {
		return fmt.Errorf("a hub with %d sessions has one more", len(h.open))
	}
	c := &clientModel{
		Client: client, hub: h, number: len(m.clients), joined: m.Now(), from: from, stalled: stalled,
		resumption: h.resume(from, m.Now()),
	}
	m.clients = append(m.clients, c)
	h.open = append(h.open, c)
	return nil
}

// subscribe opens a session, or says why it could not.
func (m *modelRun) subscribe(r *actor.Request, stalled bool) (client *actortest.Client, refused string) {
	defer func() {
		if v := recover(); v != nil {
			why, ok := v.(refusal)
			if !ok {
				panic(v)
			}
			refused = string(why)
		}
	}()
	if client = m.SubscribeStalled(r); !stalled {
		client.Unstall()
	}
	return client, ""
}
