// Package actor is the heart of Hubbub: hubs, their sessions, turns and effects, in pure Go.
//
// A hub is one actor, addressed by class and name ([Address]). It runs one turn at a time. A turn is one
// synchronous, atomic run of hub code on one input: a request, a session that left, a timer. What hub code asks for
// during a turn (send this, broadcast that, close, set a timer) is staged as effects; its host releases them, in
// order, when the turn has succeeded and its storage writes are committed, and drops them when it failed. A failed
// turn has never happened: staged effects are dropped, storage is rolled back, and the hub's value is thrown away
// and made anew, so that half-changed fields are not seen by the next turn.
//
// A program is a list of classes and a front ([Program]). A [Hub] answers requests; it implements [Starter],
// [Joiner], [Leaver] and [TimerHandler] as it needs them. Everything a turn may do goes through its [Turn].
//
// # Hosts
//
// The package knows no platform. A host owns the clients' connections and the storage, calls [Engine.Turn] with an
// [Input], and carries out the [Output]. There are three: the Cloudflare shim and the local runner, which reach the
// engine through the ABI of package abi, and the in-process host of package actortest, for unit tests of hub code.
//
// # Caveats
//
// Hub code is synchronous: no goroutine, no sleep, no waiting on a channel in a turn. Waiting is a timer or a later
// input. Fields of a hub's value live only while the hub is awake; what must survive belongs into storage.
package actor
