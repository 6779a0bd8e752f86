// Package testhost starts real hosts of a program for tests: the local runner's command,
// and workerd with the very bundle that would be deployed.
//
// [LocalRunner] and [Workerd] build what they need, start one process on a free port of
// 127.0.0.1 and return once it listens. The process is killed when the test ends; what it
// wrote is logged when the test failed. [Host.Kill] and [Host.Restart] are for tests of
// recovery: a restarted host has the same address and the same storage.
//
// Builds are shared: all test processes of a checkout take one file lock, so the first one
// builds and the others find it done.
//
// Workerd needs the packages of package.json. Where they are not installed, its tests are
// skipped with a sentence that says how to install them; with CI set they fail instead.
//
// The cases that run against a host belong to package conformance, not here.
package testhost
