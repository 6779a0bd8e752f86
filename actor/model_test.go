package actor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// action is one kind of what can happen to hubs and their clients.
type action string

const (
	nothing    action = "" // what rapid replaces others with, to find the shortest script
	join       action = "join"
	leave      action = "leave"
	fallBehind action = "fall behind"
	end        action = "end" // by DELETE
	stall      action = "stall"
	unstall    action = "unstall"
	publish    action = "publish"
	burst      action = "burst"
	turn       action = "turn"
	info       action = "info"
	fault      action = "fault"
	evict      action = "evict"
	lose       action = "lose"
	advance    action = "advance"
)

// actions has each as often as its weight says. rapid prefers the first.
var actions = []action{
	nothing, publish, join, turn, advance, join, stall, unstall, leave, burst, fault,
	publish, join, turn, advance, join, stall, unstall, end, fallBehind, fault,
	publish, join, turn, advance, evict, lose, info, publish, advance, burst,
}

// op is one thing that happens. What hub, client, A, B and Steps choose is read modulo the number of choices, so that
// each script makes sense.
type op struct {
	Do    action
	Hub   int
	A, B  int
	Steps []int
}

func (o op) String() string {
	s := fmt.Sprintf("{%s %s A:%d B:%d", o.Do, modelAddrs[o.Hub], o.A, o.B)
	if o.Do == turn {
		s += fmt.Sprint(" steps:", o.Steps)
	}
	return s + "}"
}

var genOp = rapid.Custom(func(t *rapid.T) op {
	o := op{
		Do:  rapid.SampledFrom(actions).Draw(t, "do"),
		Hub: rapid.IntRange(0, len(modelAddrs)-1).Draw(t, "hub"),
		A:   rapid.IntRange(0, 23).Draw(t, "a"),
		B:   rapid.IntRange(0, 23).Draw(t, "b"),
	}
	if o.Do == turn {
		o.Steps = rapid.SliceOfN(rapid.IntRange(0, 47), 0, 6).Draw(t, "steps")
	}
	return o
})

// genScript makes scripts that are long more often than rapid's slices are.
var genScript = rapid.Custom(func(t *rapid.T) []op {
	least := rapid.SampledFrom([]int{1, 10, 20, 40, 60, 80}).Draw(t, "least")
	return rapid.SliceOfN(genOp, least, 100).Draw(t, "ops")
})

func print(script []op) string {
	var b strings.Builder
	for i, o := range script {
		if o.Do != nothing {
			fmt.Fprintf(&b, "\n%3d %v", i, o)
		}
	}
	return b.String()
}

// strict is a host's testing.TB, which ends the script instead of the test.
type strict struct{ testing.TB }

type refusal string

func (strict) Helper()                   {}
func (strict) Logf(string, ...any)       {}
func (strict) Fatal(args ...any)         { panic(refusal(fmt.Sprint(args...))) }
func (strict) Fatalf(f string, a ...any) { panic(refusal(fmt.Sprintf(f, a...))) }

// TestModel has random things happen to hubs and their clients, and checks each client against what it must see.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		script := genScript.Draw(rt, "script")
		if _, err := runModel(t, script); err != nil {
			rt.Fatalf("%v\nof the script%s", err, print(script))
		}
	})
}

// Scripts of what is rare, or was once wrong.
func TestModelScripts(t *testing.T) {
	const small, big = 0, 2
	for name, script := range map[string][]op{
		"a replay is overtaken by the log's end": {
			{Do: burst, Hub: big, A: 23}, {Do: join, Hub: big, A: 1}, {Do: burst, Hub: big, A: 23}, {Do: lose},
			{Do: unstall, Hub: big}, {Do: publish, Hub: big},
		},
		"a key is used again when its event is too old": {
			{Do: publish, Hub: small, B: 2}, {Do: advance, A: 9}, {Do: publish, Hub: small, B: 2},
			{Do: publish, Hub: small, B: 2}, {Do: burst, Hub: small, A: 23}, {Do: publish, Hub: small, B: 2},
		},
		"the earliest event is too old": {
			{Do: publish, Hub: small}, {Do: advance, A: 9}, {Do: join, Hub: small, A: 1},
		},
		"a timer fails": {
			{Do: join, Hub: small}, {Do: fault, A: 4}, {Do: advance, A: 7},
		},
		"a session is too old when the hub wakes": {
			{Do: join, Hub: small}, {Do: evict, Hub: small}, {Do: advance, A: 7}, {Do: fault, A: 3},
			{Do: publish, Hub: small}, {Do: join, Hub: small},
		},
		"a turn ends some and publishes behind it": {
			{Do: join, Hub: small}, {Do: join, Hub: small}, {Do: turn, Hub: small, B: 2, Steps: []int{0, 7, 8, 4, 7, 0}},
		},
	} {
		if _, err := runModel(t, script); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The same script gives the same trace, byte for byte.
func TestDeterminism(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		script := genScript.Draw(rt, "script")
		script = script[:min(len(script), 40)] // it takes two runs
		one, err1 := runModel(t, script)
		two, err2 := runModel(t, script)
		if one != two || fmt.Sprint(err1) != fmt.Sprint(err2) {
			rt.Fatalf("one trace:\n%s%v\nand the other:\n%s%v\nof the script%s", one, err1, two, err2, print(script))
		}
	})
}

// FuzzModel is TestModel for Go's fuzzer.
func FuzzModel(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(rt *rapid.T) {
		script := genScript.Draw(rt, "script")
		if _, err := runModel(nil, script); err != nil {
			rt.Fatalf("%v\nof the script%s", err, print(script))
		}
	}))
}

// The model itself must notice what is wrong.
func TestModelNotices(t *testing.T) {
	begin := time.UnixMilli(0)
	newClient := func() *clientModel {
		hub := &hubModel{addr: modelAddrs[0], limits: modelClasses[0].log, epoch: "e"}
		for i := range 30 {
			hub.published(published{name: "message", data: fmt.Sprint("p", i+1), size: 2, at: begin}, "")
		}
		return &clientModel{hub: hub, joined: begin, connected: true, resumption: resumption{pos: 29}}
	}
	for name, c := range map[string]struct {
		wire string
		want string
	}{
		"fine":          {"id: e-30\ndata: p30\n\n", ""},
		"missing":       {"", "up to 29 only"},
		"twice":         {"id: e-30\ndata: p30\n\nid: e-30\ndata: p30\n\n", "came behind event 30"},
		"another":       {"id: e-30\ndata: p3\n\n", "was published as"},
		"unknown":       {"id: e-31\ndata: p31\n\n", "nothing was published"},
		"no id":         {"data: p30\n\n", "not expected"},
		"a gap":         {"event: gap\ndata: {}\n\n", "is kept"},
		"connected":     {"event: connected\ndata: {}\n\n", "the first event"},
		"early age":     {"id: e-30\ndata: p30\n\nevent: goodbye\ndata: {\"reason\":\"age\",\"reconnect\":true}\n\n", "old"},
		"not canonical": {"id:e-30\ndata: p30\n\n", "which are the events"},
	} {
		client := newClient()
		err := client.check(c.wire, false, begin)
		if c.want == "" {
			assert.NoError(t, err, name)
		} else {
			assert.ErrorContains(t, err, c.want, name)
		}
	}
	client := newClient()
	client.pos = 5
	assert.ErrorContains(t, client.check("id: e-7\ndata: p7\n\n", false, begin), "came behind event 5")
	assert.ErrorContains(t, newClient().check("id: e-30\ndata: p30\n\n", false, begin.Add(2*modelMaxAge)), "old")
	over := newClient()
	assert.NoError(t, over.check("", true, begin))
	assert.ErrorContains(t, over.check("id: e-30\ndata: p30\n\n", true, begin), "behind the end")
}
