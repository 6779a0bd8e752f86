// Package actortest runs hubs in a unit test: in this process, without Wasm and without a network, on a virtual clock.
//
//	func TestCounter(t *testing.T) {
//		host := actortest.New(t, actor.Program{Classes: []actor.Class{counter.Class}})
//		client := host.Subscribe("/counters/a/events")
//		host.Post("/counters/a", "text/plain", "+1")
//		require.Equal(t, "1", client.Next().Data)
//	}
//
// The host keeps the contract of the others: turns are atomic, effects are released after them in order, a failed turn
// leaves no trace, and [Host.Evict] and [Host.Lose] do what hibernation and a lost instance do. It is the reference:
// simple, and strict where a hub would be wrong somewhere else. What it cannot show is time that a turn really takes,
// and code that blocks: a turn that waits here hangs the test.
package actortest
