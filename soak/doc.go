// Package soak is the crash test: a host is killed with SIGKILL at random moments, again and again, while publishers and
// subscribers work, and nothing that it acknowledged may be lost, doubled or reordered.
//
// [Run] keeps a ledger of what was published and how it was answered, and of what each subscriber saw. Publishers retry
// until they are answered, with an Idempotency-Key; some publish without a key, and once. Subscribers do what an
// EventSource does: they come back with the id of the last event that they saw, only sooner. What must hold then:
//
//   - An event that was answered with an id is seen under that id by every subscriber of its hub, once, and unaltered.
//   - An event that was published with a key is seen once, however often it was published.
//   - An event whose answer was lost, and which was not repeated, is seen once by all, or by none.
//   - The ids that a subscriber sees are of one epoch and increase by one, from the hub's first event to its last. Events
//     of one publisher are in the order in which it published them.
//   - No stream says that events are missing: no gap, no lag. No request is refused.
//
// The moments come from a seeded source, so that a run can be repeated as far as the machine lets it. A kill ends the
// process, not the machine: what a loss of power does to a disk is not tested here.
//
// The test runs a short form. The long one:
//
//	go test ./soak -run '^(TestLocalRunner|TestWorkerd)$' -kills 200 -workerd-kills 40 -timeout 60m -v
package soak
