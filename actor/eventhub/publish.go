package eventhub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/hubbub-edge/hubbub/actor"
)

const (
	// maxBody leaves room for data whose every byte JSON writes as six ("\u0000"), and for the event's name.
	maxBody = 6*MaxData + 8<<10
	// maxEventName is the longest name of an event, in bytes.
	maxEventName = 256
)

func publish(t *actor.Turn, r *actor.Request) (*actor.Response, error) {
	e, refusal := parsePublish(r)
	if refusal != nil {
		return refusal, nil
	}
	id, err := t.Publish(e)
	var field *actor.FieldError
	switch {
	case errors.As(err, &field):
		return actor.Problem(http.StatusBadRequest, "the field "+field.Field+" "+field.Reason), nil
	case err != nil:
		return nil, err
	}
	return actor.JSON(http.StatusOK, struct {
		ID string `json:"id"`
	}{id}), nil
}

// parsePublish returns the event that r publishes, or the answer that says what is wrong with it.
func parsePublish(r *actor.Request) (actor.Event, *actor.Response) {
	refuse := func(status int, format string, args ...any) (actor.Event, *actor.Response) {
		return actor.Event{}, actor.Problem(status, fmt.Sprintf(format, args...))
	}
	parse, err := parserFor(r.Header.Get("Content-Type"))
	if err != nil {
		return refuse(http.StatusUnsupportedMediaType, "%v", err)
	}
	if r.BodyTruncated {
		return refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", maxBody)
	}
	if !utf8.Valid(r.Body) {
		return refuse(http.StatusBadRequest, "the body is not UTF-8")
	}
	e, err := parse(r)
	if err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	switch {
	case len(e.Data) > MaxData:
		return refuse(http.StatusRequestEntityTooLarge, "the data has %d bytes, %d are allowed", len(e.Data), MaxData)
	case len(e.Name) > maxEventName:
		return refuse(http.StatusBadRequest, "the event's name has %d bytes, %d are allowed", len(e.Name), maxEventName)
	case e.Name == EventConnected || e.Name == EventConnections:
		return refuse(http.StatusBadRequest, "the event name %q is the hub's own", e.Name)
	}
	return e, nil
}

func parserFor(contentType string) (func(*actor.Request) (actor.Event, error), error) {
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

func parseText(r *actor.Request) (actor.Event, error) {
	name := r.Query().Get("event")
	return actor.Event{Name: name, Data: string(r.Body)}, nil
}

func parseJSON(r *actor.Request) (actor.Event, error) {
	var body struct {
		Event string          `json:"event"`
		Data  json.RawMessage `json:"data"`
	}
	d := json.NewDecoder(bytes.NewReader(r.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty")
		}
		return actor.Event{}, fmt.Errorf("the body is not the JSON that was expected: %s",
			strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return actor.Event{}, errors.New("there is something behind the body's JSON object")
	}
	if body.Data == nil {
		return actor.Event{}, errors.New(`the body has no "data"`)
	}
	e := actor.Event{Name: body.Event}
	if body.Data[0] == '"' {
		err := json.Unmarshal(body.Data, &e.Data)
		return e, err
	}
	var data bytes.Buffer
	err := json.Compact(&data, body.Data)
	e.Data = data.String()
	return e, err
}

// compact returns v, which is always encodable, as compact JSON.
func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("eventhub: " + err.Error())
	}
	return string(b)
}
