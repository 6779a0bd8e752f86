// Package storage keeps the durable state of hubs for the local runner: one SQLite database per hub.
//
// It offers what a Durable Object's synchronous ctx.storage.kv offers, with the same semantics: keys are UTF-8
// strings ordered by their bytes, values are bytes, and a turn's writes become visible together or not at all.
//
//   - [Store] is a folder, owned by one process at a time. It finds and bounds the databases.
//   - [DB] is one hub. It opens nothing until it must: reading a hub that was never written touches no file, and a
//     transaction that wrote nothing costs no fsync.
//   - A transaction ([DB.Begin] … [DB.Commit]) is the unit of durability, a savepoint ([DB.Savepoint] …
//     [DB.Release] or [DB.RollbackTo]) is one turn in it, so that the turns that wait together share one fsync.
//
// What a hub stores and when a turn begins is the business of the caller; this package knows neither turns nor Wasm.
//
// # On disk
//
//	<dir>/runner.lock                     held while the store is open; it names the owner's process id
//	<dir>/<class>/<name>.sqlite           a hub, both parts escaped (see fileName)
//	<dir>/<class>/<name>.sqlite-wal       its write-ahead log while it is open, or after a crash
//	<dir>/<class>/<name>.sqlite.damaged-… a database that could not be read and was set aside
//
// Databases use WAL with synchronous=FULL: after a successful [DB.Commit] the writes survive a crash of the process
// and of the machine. They are locked exclusively while open, so that another program sees "database is locked"
// until the hub sleeps or the store is closed.
//
// # Caveats
//
// An open connection costs about 330 KiB and two file descriptors; [Options.MaxOpen] bounds the idle ones. Memory of
// a connection grows with the largest values that passed through it and is given back when it closes.
package storage
