package eventhub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hubbub-edge/hubbub/actor"
)

// maxBody leaves room for data whose every byte JSON writes as six ("\u0000"), and for the event's name.
func maxBody(maxData int) int { return 6*maxData + 8<<10 }

// maxName is the longest name, and key, of an event, in bytes.
const maxName = 256

// publication is what a request publishes.
type publication struct {
	event     actor.Event
	ephemeral bool
	once      string // the idempotency key, or ""
}

func (h *Hub) publish(t *actor.Turn, r *actor.Request) (*actor.Response, error) {
	p, refusal := h.parsePublish(r)
	if refusal != nil {
		return refusal, nil
	}
	if wait := h.bucket.take(t.Now(), h.opts.PublishRate); wait > 0 {
		res := actor.Problem(http.StatusTooManyRequests,
			fmt.Sprintf("more than %d events a second are published to the hub", h.opts.PublishRate))
		res.Header.Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
		return res, nil
	}
	id, err := p.send(t)
	var field *actor.FieldError
	switch {
	case errors.As(err, &field):
		return actor.Problem(http.StatusBadRequest, "the field "+field.Field+" "+field.Reason), nil
	case errors.Is(err, actor.ErrOnce):
		return actor.Problem(http.StatusBadRequest, "the Idempotency-Key is not 1 to 256 bytes of UTF-8"), nil
	case err != nil:
		return nil, err
	}
	return actor.JSON(http.StatusOK, struct {
		ID string `json:"id"`
	}{id}), nil
}

// send publishes, and returns the event's id: "" for an ephemeral one.
func (p publication) send(t *actor.Turn) (id string, err error) {
	switch {
	case p.ephemeral:
		return "", t.Broadcast(p.event)
	case p.once != "":
		id, _, err = t.PublishOnce(p.once, p.event)
		return id, err
	}
	return t.Publish(p.event)
}

// ownEvents are the names of events that only the hub itself sends.
var ownEvents = []string{
	EventConnected, EventConnections, actor.EventGap, actor.EventGoodbye, actor.EventLag,
}

// parsePublish returns what r publishes, or the answer that says what is wrong with it.
func (h *Hub) parsePublish(r *actor.Request) (publication, *actor.Response) {
	refuse := func(status int, format string, args ...any) (publication, *actor.Response) {
		return publication{}, actor.Problem(status, fmt.Sprintf(format, args...))
	}
	parse, err := parserFor(r.Header.Get("Content-Type"))
	if err != nil {
		return refuse(http.StatusUnsupportedMediaType, "%v", err)
	}
	if r.BodyTruncated {
		return refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", maxBody(h.opts.MaxData))
	}
	if !utf8.Valid(r.Body) {
		return refuse(http.StatusBadRequest, "the body is not UTF-8")
	}
	p, err := parse(r)
	if err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	p.once = r.Header.Get("Idempotency-Key")
	e := p.event
	switch {
	case len(e.Data) > h.opts.MaxData:
		return refuse(http.StatusRequestEntityTooLarge, "the data has %d bytes, %d are allowed", len(e.Data), h.opts.MaxData)
	case len(e.Name) > maxName:
		return refuse(http.StatusBadRequest, "the event's name has %d bytes, %d are allowed", len(e.Name), maxName)
	case len(e.Key) > maxName:
		return refuse(http.StatusBadRequest, "the event's key has %d bytes, %d are allowed", len(e.Key), maxName)
	case slices.Contains(ownEvents, e.Name):
		return refuse(http.StatusBadRequest, "the event name %q is the hub's own", e.Name)
	case p.ephemeral && p.once != "":
		return refuse(http.StatusBadRequest, "an ephemeral event is not kept, and cannot have an Idempotency-Key")
	}
	return p, nil
}

func parserFor(contentType string) (func(*actor.Request) (publication, error), error) {
	const want = "publish with application/json or text/plain"
	if contentType == "" {
		return nil, errors.New("there is no Content-Type; " + want)
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, fmt.Errorf("the Content-Type %q is malformed; %s", contentType, want)
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, fmt.Errorf("the charset %q is not supported, only UTF-8", charset)
	}
	switch mediaType {
	case "application/json":
		return parseJSON, nil
	case "text/plain":
		return parseText, nil
	}
	return nil, fmt.Errorf("the Content-Type %q is not supported; %s", mediaType, want)
}

func parseText(r *actor.Request) (publication, error) {
	query := r.Query()
	p := publication{event: actor.Event{Name: query.Get("event"), Key: query.Get("key"), Data: string(r.Body)}}
	if v := query.Get("ephemeral"); v != "" {
		var err error
		if p.ephemeral, err = strconv.ParseBool(v); err != nil {
			return p, errors.New("ephemeral must be true or false")
		}
	}
	return p, nil
}

func parseJSON(r *actor.Request) (publication, error) {
	var body struct {
		Event     string          `json:"event"`
		Data      json.RawMessage `json:"data"`
		Ephemeral bool            `json:"ephemeral"`
		Key       string          `json:"key"`
	}
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return publication{}, fmt.Errorf("the body is not the JSON that was expected: %s",
			strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return publication{}, errors.New("there is something behind the body's JSON object")
	}
	if body.Data == nil {
		return publication{}, errors.New(`the body has no "data"`)
	}
	p := publication{event: actor.Event{Name: body.Event, Key: body.Key}, ephemeral: body.Ephemeral}
	if body.Data[0] == '"' {
		err := json.Unmarshal(body.Data, &p.event.Data)
		if err == nil && strings.ContainsRune(p.event.Data, utf8.RuneError) && !mentionsRuneError(body.Data) {
			err = errors.New(`the "data" has half of a surrogate pair, which is no text`)
		}
		return p, err
	}
	var data bytes.Buffer
	err := json.Compact(&data, body.Data)
	p.event.Data = data.String()
	return p, err
}

// mentionsRuneError reports whether a JSON text has U+FFFD itself, by which its decoder replaces what is no text.
func mentionsRuneError(text []byte) bool {
	return bytes.ContainsRune(text, utf8.RuneError) || bytes.Contains(bytes.ToLower(text), []byte(`\ufffd`))
}

// compact returns v, which is always encodable, as compact JSON.
func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("eventhub: " + err.Error())
	}
	return string(b)
}
