// Package runnertest tests hubs as they are deployed: the program's own .wasm in a [localrunner.Runner] in the test's
// process, in which time, randomness, clients and faults are the test's.
//
//	func TestResume(t *testing.T) {
//		r := runnertest.New(t, runnertest.Options{})
//		client := r.Subscribe("/hubs/lobby/events")
//		r.Post("/hubs/lobby/events", "text/plain", "one")
//		r.Advance(time.Hour) // it was told to come back long before
//		client = client.Resume()
//		r.Post("/hubs/lobby/events", "text/plain", "two")
//		r.KillInstance()
//		require.Equal(t, "two", client.Message(t).Data)
//	}
//
// # At rest
//
// What a method sets going is over when it returns: turns have run, streams are written, and what became of that has
// happened too. Nothing goes on behind a test's back, and nothing needs to be waited for. Time stands still but for
// [Runner.Advance], which lets one timer run at a time, each at its own time.
//
// Clients read through memory, and one after the other, in the order in which they were opened: what is in a runner's
// queues does not depend on what a system's sockets take. Therefore the same script with the same [Options.Seed] has
// the same turns, byte for byte, see [Options.Trace].
//
// [Runner.URL] is for clients that need a real connection. They are not part of that order, but what they ask of the
// runner is waited for all the same.
//
// # Caveats
//
// The program must have been built; nothing here does it. A request for the program's http.Handler that sleeps does not
// return, as nobody advances the time meanwhile. For tests of a hub alone, without Wasm, there is package actortest.
package runnertest
