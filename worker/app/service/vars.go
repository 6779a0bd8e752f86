package service

import (
	"fmt"
	"strconv"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/eventhub"
)

// Var is one of the vars that configure the app.
type Var struct {
	Name    string
	Default string // as it could be written
	Means   string
	set     func(o *eventhub.Options, value string) error
}

// Vars are all vars of the app. The README's table is made of them.
var Vars = []Var{
	{"HEARTBEAT", "20s", "how often each stream gets a comment, by which a client that is gone is noticed",
		duration(func(o *eventhub.Options) *time.Duration { return &o.Heartbeat }, false)},
	{"MAX_AGE", "10m", "how long a stream lasts, give or take a tenth, before its client is asked to come back; 0 for ever",
		duration(func(o *eventhub.Options) *time.Duration { return &o.MaxAge }, true)},
	{"RETRY", "2s", "how long a client waits before it reconnects",
		duration(func(o *eventhub.Options) *time.Duration { return &o.Retry }, false)},
	{"MAX_SESSIONS", "10000", "sessions of a hub; one more is refused with 503",
		number(func(o *eventhub.Options) *int { return &o.MaxSessions }, false)},
	{"PUBLISH_RATE", "1000", "events a second that may be published to a hub; more are refused with 429; 0 for no limit",
		number(func(o *eventhub.Options) *int { return &o.PublishRate }, true)},
	{"MAX_DATA", "65536", "bytes of an event's data; more are refused with 413; at most 1048576",
		number(func(o *eventhub.Options) *int { return &o.MaxData }, false)},
	{"SESSION_BUFFER", "1048576", "bytes that may wait for a client that reads slowly; at least 8 × `MAX_DATA` + 16384",
		number(func(o *eventhub.Options) *int { return &o.SessionBuffer }, false)},
	{"SLOW", "disconnect", "what happens beyond that: `disconnect`; `drop` skips ephemeral events and then tells how many; " +
		"`coalesce` keeps the latest event of each key", slow},
	{"LOG_COUNT", "1000", "events that a hub keeps",
		number(func(o *eventhub.Options) *int { return &o.Log.Count }, false)},
	{"LOG_BYTES", "4194304", "bytes of events that a hub keeps",
		number(func(o *eventhub.Options) *int { return &o.Log.Bytes }, false)},
	{"LOG_AGE", "24h", "how long a hub keeps events",
		duration(func(o *eventhub.Options) *time.Duration { return &o.Log.Age }, false)},
}

// options reads the vars. env returns the value of one, or "".
func options(env func(name string) string) (eventhub.Options, error) {
	var o eventhub.Options
	for _, v := range Vars {
		value := env(v.Name)
		if value == "" {
			continue
		}
		if err := v.set(&o, value); err != nil {
			return o, fmt.Errorf("var %s: %q is not %w", v.Name, value, err)
		}
	}
	maxData, buffer := o.MaxData, o.SessionBuffer
	if maxData == 0 {
		maxData = eventhub.DefaultMaxData
	}
	if maxData > eventhub.MaxMaxData {
		return o, fmt.Errorf("var MAX_DATA: %d is more than %d", maxData, eventhub.MaxMaxData)
	}
	if least := eventhub.LeastSessionBuffer(maxData); buffer != 0 && buffer < least {
		return o, fmt.Errorf("var SESSION_BUFFER: %d is less than %d, which events of %d bytes need", buffer, least, maxData)
	}
	return o, nil
}

// duration sets a duration. A zero is refused, or means that there is no limit, which the options write as a negative.
func duration(field func(*eventhub.Options) *time.Duration, zero bool) func(*eventhub.Options, string) error {
	return func(o *eventhub.Options, value string) error {
		d, err := time.ParseDuration(value)
		if value == "0" {
			d, err = 0, nil
		}
		switch {
		case err != nil || d < 0 || d == 0 && !zero:
			return fmt.Errorf("a duration such as \"20s\"")
		case d == 0:
			d = -1
		}
		*field(o) = d
		return nil
	}
}

// number sets a number; see duration for its zero.
func number(field func(*eventhub.Options) *int, zero bool) func(*eventhub.Options, string) error {
	return func(o *eventhub.Options, value string) error {
		n, err := strconv.ParseInt(value, 10, 32)
		switch {
		case err != nil || n < 0 || n == 0 && !zero:
			return fmt.Errorf("a number from 1 to %d", 1<<31-1)
		case n == 0:
			n = -1
		}
		*field(o) = int(n)
		return nil
	}
}

func slow(o *eventhub.Options, value string) error {
	policies := map[string]actor.SlowPolicy{
		"disconnect": actor.SlowDisconnect, "drop": actor.SlowDrop, "coalesce": actor.SlowCoalesce,
	}
	policy, ok := policies[value]
	if !ok {
		return fmt.Errorf("one of disconnect, drop, coalesce")
	}
	o.Slow = policy
	return nil
}
