// Package conformance is the one suite that every host of the app must pass. It knows a
// base URL and nothing else, so the local runner, real workerd and a deployed Worker are
// held to the same cases.
//
// A case has a name and an explanation: one sentence that says what must hold, printed
// when it does not. [Run] runs the cases as subtests; [Cases] lists them. Each case uses
// hub names of its own with a random part, so that the suite can run again, and beside
// itself, against a server that keeps its storage. Nothing sleeps: a case waits for an
// event, and its deadline turns a missing one into a failure.
//
// The package reads event streams with package internal/sse, and brings a small client. They
// share no code with the hosts: an encoder and a decoder with the same mistake would agree.
//
// # Groups
//
// The cases of the app's surface run unless [Options.NoSurface] is set. Three further groups need a server that is
// told of in the options, and are left out of a run whose options do not.
//
// [Options.Limits]: the app, with vars whose defaults no case could wait for: limits of tens, ages of seconds. Each case
// names those that it needs. Not all of them go together (a maximum age would end sessions of other cases), so that a
// host is held to the group with several servers.
//
// The other two need the program in testworker, which serves the same surface and, beyond it, what follows.
//
// [Options.Handler]: the app's http.Handler, on an instance leased to the request.
//
//	GET  /handler/hello               200 text/plain "hello, handler\n"
//	POST /handler/echo                200 with the request's body and content type, and its method in X-Method
//	GET  /handler/stream?n=5&tag=x    200 text/plain, n lines "x 1\n" … "x 5\n", sent as they are
//	                                  written, with time.Sleep of 20 ms between them
//	GET  /handler/env?name=GREETING   200 with the value of the var of that name; 404 when there is none
//	GET  /handler/status?code=418     that status
//	GET  /handler/panic               panics
//
// [Options.Faults]: a hub whose turn fails.
//
//	POST /hubs/{name}/faults/{kind}   the turn writes to storage, publishes an event named "fault" with the kind
//	                                  as its data, and then fails in the way of its kind (see faults.go)
//
// The kind "none" does not fail: it is answered like a publish, and the event arrives. It
// shows that the other kinds really stage what nobody may see.
//
// # What does not belong here
//
// Anything that needs a virtual clock, a restart, the storage or the insides of a host is tested
// beside that host. Starting servers is internal/testhost's.
package conformance
