package abi

// Version is the version of this interface. Host and program must agree; a host asks with hubbub_describe first, and
// refuses the program with [VersionError] otherwise.
const Version = 1

// Module is the name of the module whose functions the program imports.
const Module = "hubbub"

// Exports of the program.
const (
	// ExportInput is hubbub_input(n i32) i32: the address of a buffer for n bytes of input.
	ExportInput = "hubbub_input"

	// ExportDescribe is hubbub_describe(number i32, n i32) i64: what the program is. n is 0. The payload is a
	// [Description], whose first four bytes are the Version in every version.
	ExportDescribe = "hubbub_describe"

	// ExportRoute is hubbub_route(number i32, n i32) i64: what becomes of a request. The input is a request head,
	// see [AppendRoute]; the payload a decision, see [DecodeDecision].
	//
	//	"GET\n/hubs/a/events\n\naccept\n*/*\n"  →  02 "Hub" "a" ""
	ExportRoute = "hubbub_route"

	// ExportTurn is hubbub_turn(number i32, n i32) i64: one turn of a hub. The input is an actor.Input, see
	// [AppendInput]; the payload an actor.Output, see [DecodeOutput].
	//
	//	04 "Hub" "a" 1700000000000 "connections"  →  00, no response, one effect
	ExportTurn = "hubbub_turn"
)

// Imports of the program, each of module [Module]. A pointer and a length name bytes of the program's memory. Storage
// is that of the hub whose turn runs, inside the turn's transaction.
const (
	// ImportStorageGet is storage_get(keyPtr, keyLen, bufPtr, bufCap i32) i32: the length of the value under key, or
	// [Absent], or [Failed]. The value is in the buffer when it fits; else nothing is, and the program calls again
	// with room enough.
	ImportStorageGet = "storage_get"

	// ImportStoragePut is storage_put(keyPtr, keyLen, valuePtr, valueLen i32) i32: 0 or [Failed].
	ImportStoragePut = "storage_put"

	// ImportStorageDelete is storage_delete(keyPtr, keyLen i32) i32: 1 when there was such a key, else 0, or [Failed].
	ImportStorageDelete = "storage_delete"

	// ImportStorageList is storage_list(optsPtr, optsLen, bufPtr, bufCap i32) i32: the length of a page of entries,
	// or [Failed]. The options are those of [AppendList]; the page, as [DecodePage] reads it, holds as many entries
	// as fit, and is in the buffer unless not even its first one fits: then the length is what that one needs.
	ImportStorageList = "storage_list"

	// ImportLastError is last_error(bufPtr, bufCap i32) i32: the length of the text of the last failure, of which as
	// much as fits is in the buffer, in whole UTF-8 characters.
	ImportLastError = "last_error"

	// ImportRandom is random(bufPtr, bufLen i32): fills the buffer with cryptographically strong random bytes.
	ImportRandom = "random"
)

// Results of imports besides lengths.
const (
	Absent = -1 // there is no such key
	Failed = -2 // it failed; last_error tells why
)

// MaxPage is the length of a page of entries that a program asks for at first.
const MaxPage = 64 << 10

// Heartbeat is what a host sends to the stream of each session once in the class's heartbeat interval: an empty comment, and the empty line that keeps it apart from what follows.
const Heartbeat = ":\n\n"

// Lag is the event that tells a client how many events its host has skipped, see actor.SlowDrop: the number stands
// between the two.
const (
	LagBefore = "event: lag\ndata: {\"dropped\":"
	LagAfter  = "}\n\n"
)

// MetaHeader is the field in which the shim's front hands the metadata of a decision to a hub's Durable Object, in
// Base64. The front takes it off every request that comes from outside.
const MetaHeader = "hubbub-meta"

// Kinds of payloads of ExportTurn.
const (
	TurnDone     = 0 // response, opened session, effects
	TurnNeedWake = 1 // nothing: the program does not know the hub
	TurnFailed   = 2 // the cause, and the answer to a request
)

// Kinds of decisions of ExportRoute.
const (
	DecisionHandler = 0 // nothing: the request is for the program's http.Handler
	DecisionAnswer  = 1 // a response
	DecisionHub     = 2 // the hub's class and name
)
