// Package eventhub is a ready class of hubs: clients subscribe to a hub's events and publish to it over HTTP.
//
//	GET  {path}{name}/events   an event stream: first "connected", then the hub's events
//	POST {path}{name}/events   publish an event to every subscriber
//	GET  {path}{name}          what the hub is: its name, sessions and last event id
//	GET  {path}{name}/sessions the hub's sessions, page by page
//	DELETE {path}{name}/sessions/{id}  ends a session
//
// It is what the app deploys, and a hub of one's own can embed [Hub] and call its methods. Add [Class] to the program's
// classes, and call [Route] in its front, which answers what needs no hub: preflights, wrong methods, unknown paths.
package eventhub
