// Package sse decodes event streams, as the HTML standard tells a browser to
// (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream). It shares nothing with the
// encoder of package actor, so that each checks the other.
package sse
