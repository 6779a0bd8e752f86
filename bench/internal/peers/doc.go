// Package peers starts the servers that the bench measures, and reads from the operating system what their processes
// use. A [Peer] is started by one command and tells its version; what is sent to it is package loadgen's business.
//
// Linux tells what a process uses; elsewhere those figures are missing.
package peers
