// Package localrunner hosts a Hubbub program off-platform: the .wasm that is deployed, byte for byte, on wazero, with
// neither Node nor an account. A [Runner] is an http.Handler, so that it serves a listener as well as a test.
//
// # How a request goes
//
//	ServeHTTP ─▶ static assets ─▶ route turn, on any isolate ─▶ a hub's queue ─▶ its turn, on the hub's isolate
//	                                        │                                        │ commit
//	                                        └▶ a leased instance, for the            └▶ effects ─▶ sessions' queues
//	                                           program's http.Handler                                    │
//	                                                                     each session's writer ◀─────────┘
//
// There is a fixed number of isolates, running instances of the program; each hub belongs to one of them, and each
// isolate is entered by one goroutine. What waits for a hub runs in one go: each input in a savepoint of its own, and
// then one commit for all of them, so that many publishers share an fsync. Only then are effects released and requests
// answered. A broadcast enters Wasm once, and reaches the sessions in native code.
//
// An instance that is lost (it blocked, exited, trapped) is replaced. Streams belong to the host and do not notice; the
// hub is made anew from storage and from the sessions that the host holds.
package localrunner
